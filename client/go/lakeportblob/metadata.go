package lakeportblob

import (
	"fmt"
	"unicode/utf8"

	"gocloud.dev/blob/driver"
)

// Keys of user metadata for attributes that lakeFS does not have.
const (
	attributePrefix       = "gocloud."
	keyCacheControl       = attributePrefix + "cache-control"
	keyContentDisposition = attributePrefix + "content-disposition"
	keyContentEncoding    = attributePrefix + "content-encoding"
	keyContentLanguage    = attributePrefix + "content-language"
)

// encodeMetadata returns the user metadata for the options of a write.
func encodeMetadata(options *driver.WriterOptions) (map[string]string, error) {
	metadata := make(map[string]string, len(options.Metadata))
	for key, value := range options.Metadata {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return nil, fmt.Errorf("the metadata %q: %q is not UTF-8", key, value)
		}
		metadata[escapeKey(key)] = escapeValue(value)
	}
	for key, value := range map[string]string{
		keyCacheControl:       options.CacheControl,
		keyContentDisposition: options.ContentDisposition,
		keyContentEncoding:    options.ContentEncoding,
		keyContentLanguage:    options.ContentLanguage,
	} {
		if value != "" {
			metadata[key] = escapeValue(value)
		}
	}
	return metadata, nil
}

// decodeMetadata sets the attributes that user metadata has.
func decodeMetadata(metadata map[string]string, attributes *driver.Attributes) {
	for key, value := range metadata {
		value = unescape(value)
		switch key {
		case keyCacheControl:
			attributes.CacheControl = value
		case keyContentDisposition:
			attributes.ContentDisposition = value
		case keyContentEncoding:
			attributes.ContentEncoding = value
		case keyContentLanguage:
			attributes.ContentLanguage = value
		default:
			if attributes.Metadata == nil {
				attributes.Metadata = make(map[string]string)
			}
			attributes.Metadata[unescape(key)] = value
		}
	}
}
