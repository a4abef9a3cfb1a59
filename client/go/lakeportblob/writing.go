package lakeportblob

import (
	"context"
	"io"

	lakeport "github.com/lakeport/lakeport/client/go"
	"gocloud.dev/blob/driver"
)

// NewTypedWriter implements driver.Bucket.
func (b *bucket) NewTypedWriter(
	ctx context.Context, key, contentType string, options *driver.WriterOptions,
) (driver.Writer, error) {
	metadata, err := encodeMetadata(options)
	if err != nil {
		return nil, err
	}
	if contentType == "" && options.DisableContentTypeDetection {
		// Without a type, the server guesses it from the key.
		contentType = plainType
	}
	request := &lakeport.WriteOptions{
		ContentType: contentType,
		Metadata:    metadata,
		MD5:         options.ContentMD5,
		CreateOnly:  options.IfNotExist,
	}
	if err := before(options.BeforeWrite, request); err != nil {
		return nil, err
	}
	return &writer{b.files.NewWriter(ctx, escapePath(key), request)}, nil
}

// writer implements driver.Writer and driver.Uploader.
type writer struct {
	*lakeport.Writer
}

// Upload writes all bytes of r.
func (w *writer) Upload(r io.Reader) error {
	_, err := w.ReadFrom(r)
	return err
}
