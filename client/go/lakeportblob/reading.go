package lakeportblob

import (
	"context"
	"io"

	lakeport "github.com/lakeport/lakeport/client/go"
	"gocloud.dev/blob/driver"
)

// NewRangeReader implements driver.Bucket. A negative length reads to the end.
func (b *bucket) NewRangeReader(
	ctx context.Context, key string, offset, length int64, options *driver.ReaderOptions,
) (driver.Reader, error) {
	request := &lakeport.ReadOptions{Offset: offset, Length: max(length, 0)}
	if err := before(options.BeforeRead, request); err != nil {
		return nil, err
	}
	if length == 0 {
		// In lakeport, the length 0 reads to the end.
		info, err := b.files.Stat(ctx, escapePath(key))
		if err != nil {
			return nil, err
		}
		return &emptyReader{attributes: readerAttributes(info)}, nil
	}
	r, err := b.files.NewReader(ctx, escapePath(key), request)
	if err != nil {
		return nil, err
	}
	return &reader{Reader: r, attributes: readerAttributes(r.Info())}, nil
}

func readerAttributes(info *lakeport.FileInfo) *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: contentType(info), ModTime: info.UpdateTime.AsTime(), Size: info.SizeBytes}
}

// reader implements driver.Reader and driver.Downloader.
type reader struct {
	*lakeport.Reader
	attributes *driver.ReaderAttributes
}

func (r *reader) Attributes() *driver.ReaderAttributes {
	return r.attributes
}

func (r *reader) As(target any) bool {
	return assign(target, r.Reader)
}

// Download writes all bytes to w.
func (r *reader) Download(w io.Writer) error {
	_, err := r.WriteTo(w)
	return err
}

// emptyReader implements driver.Reader for a length of 0.
type emptyReader struct {
	attributes *driver.ReaderAttributes
}

func (*emptyReader) Read([]byte) (int, error) {
	return 0, io.EOF
}

func (*emptyReader) Close() error {
	return nil
}

func (r *emptyReader) Attributes() *driver.ReaderAttributes {
	return r.attributes
}

func (*emptyReader) As(any) bool {
	return false
}
