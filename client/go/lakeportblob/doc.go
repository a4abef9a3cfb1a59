// Package lakeportblob opens the objects of a lakeport server as a bucket of gocloud.dev/blob.
//
// [OpenBucket] returns the bucket of a branch, tag, commit or transaction:
//
//	client, err := lakeport.NewClient("grpc://127.0.0.1:50051")
//	if err != nil {
//		return err
//	}
//	bucket := lakeportblob.OpenBucket(client.Files("quickstart", "main"))
//	defer bucket.Close()
//
// # URLs
//
// blob.OpenBucket opens URLs with the scheme lakeport, for example lakeport://quickstart/main; see [URLOpener].
//
// # Differences from other drivers
//
//   - CacheControl, ContentDisposition, ContentEncoding and ContentLanguage are user metadata of lakeFS, whose keys begin with gocloud.
//   - Keys of metadata are escaped: lakeFS allows only a-z, 0-9, '.', '_' and '-'.
//   - SignedURL is not implemented: lakeFS signs only URLs to read, and chooses the expiry itself. See lakeport.Files.Presign.
//   - Attributes have neither an MD5 nor a creation time, because lakeFS has neither.
//
// # As
//
// The types for As are:
//   - Bucket: *lakeport.Files
//   - Error: *lakeport.Error
//   - Attributes, ListObject: *lakeport.FileInfo
//   - Reader: *lakeport.Reader, except for reads of length 0
//   - ReaderOptions.BeforeRead: *lakeport.ReadOptions
//   - WriterOptions.BeforeWrite: *lakeport.WriteOptions
//   - ListOptions.BeforeList: *lakeport.ListOptions
//   - CopyOptions.BeforeCopy: *lakeport.CopyOptions
//   - DeleteOptions.BeforeDelete: *lakeport.DeleteOptions
//
// Except for options, pass the address of a variable of this type.
package lakeportblob
