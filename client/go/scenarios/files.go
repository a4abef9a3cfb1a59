package scenarios

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"

	lakeport "github.com/lakeport/lakeport/client/go"
)

func (o *operations) fileOperations() map[string]operation {
	return map[string]operation{
		"write":            o.write,
		"write_unfinished": o.writeUnfinished,
		"read":             o.read,
		"read_ranges":      o.readRanges,
		"read_some":        o.readSome,
		"stat":             o.stat,
		"set_metadata":     o.setMetadata,
		"list":             o.list,
		"delete":           o.delete,
		"copy":             o.copy,
		"move":             o.move,
		"compose":          o.compose,
		"write_many":       o.writeMany,
		"read_many":        o.readMany,
		"stat_many":        o.statMany,
		"upload":           o.upload,
		"begin_upload":     o.beginUpload,
	}
}

func (o *operations) write(ctx context.Context, step fields) (fields, error) {
	files, data := o.files(step), content(step["content"])
	options := &lakeport.WriteOptions{
		ContentType: text(step, "content_type"),
		Metadata:    textMap(step, "metadata"),
		CreateOnly:  flag(step, "create_only"),
	}
	size := number(step, "pieces")
	if size == 0 {
		info, err := files.WriteAll(ctx, text(step, "path"), data, options)
		return described(info, err, file)
	}
	w := files.NewWriter(ctx, text(step, "path"), options)
	defer w.Abort()
	for piece := range slices.Chunk(data, size) {
		if _, err := w.Write(piece); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return described(w.Info(), err, file)
}

func (o *operations) writeUnfinished(ctx context.Context, step fields) (fields, error) {
	w := o.files(step).NewWriter(ctx, text(step, "path"), nil)
	defer w.Abort()
	_, err := w.Write(content(step["content"]))
	return nil, err
}

func (o *operations) open(ctx context.Context, step fields) (*lakeport.Reader, error) {
	return o.files(step).NewReader(ctx, text(step, "path"), &lakeport.ReadOptions{
		Offset:      int64(number(step, "offset")),
		Length:      int64(number(step, "limit")),
		IfMatch:     text(step, "if_match"),
		IfNoneMatch: text(step, "if_none_match"),
	})
}

func (o *operations) read(ctx context.Context, step fields) (fields, error) {
	r, err := o.open(ctx, step)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	found := file(r.Info())
	found["content"] = data
	return found, nil
}

func (o *operations) readRanges(ctx context.Context, step fields) (fields, error) {
	var ranges []lakeport.Range
	for _, wanted := range listOf[fields](step["ranges"]) {
		ranges = append(ranges, lakeport.Range{Offset: int64(number(wanted, "offset")), Length: int64(number(wanted, "limit"))})
	}
	results, err := o.files(step).ReadRanges(ctx, text(step, "path"), ranges, nil)
	return described(results, err, func(results []lakeport.RangeResult) fields {
		return items("ranges", results, func(result lakeport.RangeResult) (fields, error) {
			return fields{"content": result.Data}, result.Err
		})
	})
}

func (o *operations) readSome(ctx context.Context, step fields) (fields, error) {
	r, err := o.open(ctx, step)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, number(step, "bytes"))
	_, err = io.ReadFull(r, data)
	return fields{"content": data}, err
}

func (o *operations) stat(ctx context.Context, step fields) (fields, error) {
	info, err := o.files(step).Stat(ctx, text(step, "path"))
	return described(info, err, file)
}

func (o *operations) setMetadata(ctx context.Context, step fields) (fields, error) {
	info, err := o.files(step).SetMetadata(ctx, text(step, "path"), textMap(step, "metadata"))
	return described(info, err, file)
}

func (o *operations) list(ctx context.Context, step fields) (fields, error) {
	entries := o.files(step).List(ctx, &lakeport.ListOptions{
		Prefix:    text(step, "prefix"),
		Delimiter: text(step, "delimiter"),
		Glob:      text(step, "glob"),
		MaxDepth:  int32(number(step, "max_depth")),
		Limit:     int64(number(step, "limit")),
	})
	return collected("paths", entries, func(entry *lakeport.FileInfo) any { return entry.Path })
}

func (o *operations) delete(ctx context.Context, step fields) (fields, error) {
	deleted := func(count int64) fields { return fields{"deleted": int(count)} }
	options := &lakeport.DeleteOptions{Recursive: flag(step, "recursive"), AllowMissing: flag(step, "allow_missing")}
	if paths := texts(step, "paths"); paths != nil {
		count, err := o.files(step).DeletePaths(ctx, paths, options)
		return described(count, err, deleted)
	}
	count, err := o.files(step).Delete(ctx, text(step, "path"), options)
	return described(count, err, deleted)
}

func (o *operations) copy(ctx context.Context, step fields) (fields, error) {
	options := &lakeport.CopyOptions{Recursive: flag(step, "recursive"), SourceRef: text(step, "from_at")}
	paths, err := o.files(step).Copy(ctx, text(step, "from"), text(step, "to"), options)
	return described(paths, err, objects)
}

func (o *operations) move(ctx context.Context, step fields) (fields, error) {
	options := &lakeport.MoveOptions{Recursive: flag(step, "recursive")}
	paths, err := o.files(step).Move(ctx, text(step, "from"), text(step, "to"), options)
	return described(paths, err, objects)
}

func objects(paths []string) fields {
	return fields{"objects": len(paths)}
}

func (o *operations) compose(ctx context.Context, step fields) (fields, error) {
	info, err := o.files(step).Compose(ctx, text(step, "path"), texts(step, "sources"), &lakeport.ComposeOptions{
		ContentType:   text(step, "content_type"),
		Metadata:      textMap(step, "metadata"),
		CreateOnly:    flag(step, "create_only"),
		DeleteSources: flag(step, "delete_sources"),
	})
	return described(info, err, file)
}

func (o *operations) writeMany(ctx context.Context, step fields) (fields, error) {
	var batch []lakeport.BatchItem
	for _, wanted := range describedFiles(step["files"]) {
		item := lakeport.BatchItem{Path: text(wanted, "path"), Data: content(wanted["content"]), CreateOnly: flag(wanted, "create_only")}
		batch = append(batch, item)
	}
	results, err := o.files(step).BatchWrite(ctx, batch)
	return described(results, err, infos)
}

func (o *operations) readMany(ctx context.Context, step fields) (fields, error) {
	results, err := o.files(step).BatchRead(ctx, describedPaths(step["paths"]))
	return described(results, err, func(results []lakeport.ItemResult) fields {
		return items("items", results, func(result lakeport.ItemResult) (fields, error) {
			return fields{"content": result.Data}, result.Err
		})
	})
}

func (o *operations) statMany(ctx context.Context, step fields) (fields, error) {
	results, err := o.files(step).BatchStat(ctx, describedPaths(step["paths"]))
	return described(results, err, infos)
}

func infos(results []lakeport.ItemResult) fields {
	return items("items", results, func(result lakeport.ItemResult) (fields, error) {
		return file(result.Info), result.Err
	})
}

// items returns a field with the result of each item, or with its error.
func items[T any](name string, results []T, describe func(T) (fields, error)) fields {
	found := make([]any, len(results))
	for index, result := range results {
		item, err := describe(result)
		if err != nil {
			item = reason(err)
		}
		found[index] = item
	}
	return fields{name: found}
}

func (o *operations) upload(ctx context.Context, step fields) (fields, error) {
	upload, err := o.newUpload(ctx, step)
	if err != nil {
		return nil, err
	}
	info, err := upload.Run(ctx)
	return described(info, err, file)
}

func (o *operations) beginUpload(ctx context.Context, step fields) (fields, error) {
	upload, err := o.newUpload(ctx, step)
	return described(upload, err, func(upload *lakeport.Upload) fields { return fields{"resume_id": upload.ID()} })
}

func (o *operations) newUpload(ctx context.Context, step fields) (*lakeport.Upload, error) {
	source, data := filepath.Join(o.runner.folder, "upload"), content(step["content"])
	// A resumed upload needs the same file: an equal one with another time is refused.
	if stored, err := os.ReadFile(source); err != nil || !bytes.Equal(stored, data) {
		if err := os.WriteFile(source, data, 0o600); err != nil {
			return nil, err
		}
	}
	return o.files(step).NewUpload(ctx, source, text(step, "path"), &lakeport.UploadOptions{
		ResumeID:    text(step, "resume_id"),
		ContentType: text(step, "content_type"),
		Metadata:    textMap(step, "metadata"),
		CreateOnly:  flag(step, "create_only"),
		PartBytes:   int64(number(step, "part_bytes")),
		Parallelism: number(step, "parallel"),
	})
}
