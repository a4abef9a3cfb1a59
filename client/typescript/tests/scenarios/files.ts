/** Operations on files. */
import type { Files, Upload, WriteOptions } from "lakeport";
import { concat, content, files as newFiles, paths } from "./content.js";
import { all, type Context, file, filesOf, item, type Operation, OwnError } from "./operations.js";
import type { Step } from "./scenario.js";

export const files: Readonly<Record<string, Operation>> = {
  async write(context, step) {
    const [target, data, options] = [filesOf(context, step), bytesOf(step), writeOptions(context, step)];
    const { path = "", pieces } = step;
    return file(
      pieces === undefined
        ? await target.write(path, data, options)
        : await writePieces(target, path, data, pieces, options),
    );
  },

  async write_unfinished(context, step) {
    const stream = filesOf(context, step).writable(step.path ?? "", context.call);
    const writer = stream.getWriter();
    await writer.write(bytesOf(step));
    await writer.abort(new OwnError("abandoned"));
    const isStored = await stream.info.then(
      () => true,
      () => false,
    );
    return isStored ? Promise.reject(new Error("an abandoned writer stored an object")) : {};
  },

  async read(context, step) {
    const { path = "", offset, limit, if_match: ifMatch, if_none_match: ifNoneMatch } = step;
    const options = { offset, limit, ifMatch, ifNoneMatch, ...context.call };
    await using download = await filesOf(context, step).open(path, options);
    return { content: await download.bytes(), ...file(download.info) };
  },

  async read_ranges(context, step) {
    const { path = "", ranges = [] } = step;
    return { ranges: (await filesOf(context, step).readRanges(path, ranges, context.call)).map(item) };
  },

  async read_some(context, step) {
    const { path = "", bytes = 0 } = step;
    await using download = await filesOf(context, step).open(path, context.call);
    const chunks: Uint8Array[] = [];
    let left = bytes;
    if (left > 0) {
      for await (const chunk of download) {
        chunks.push(chunk);
        left -= chunk.length;
        if (left <= 0) {
          break;
        }
      }
    }
    return { content: concat(chunks).subarray(0, bytes) };
  },

  async stat(context, step) {
    return file(await filesOf(context, step).stat(step.path ?? "", context.call));
  },

  async set_metadata(context, step) {
    const { path = "", metadata = {} } = step;
    return file(await filesOf(context, step).setMetadata(path, metadata, context.call));
  },

  async list(context, step) {
    const { prefix, delimiter, glob: matchGlob, max_depth: maxDepth, limit } = step;
    const options = { prefix, delimiter, matchGlob, maxDepth, limit, ...context.call };
    return { paths: (await all(filesOf(context, step).list(options))).map(({ path }) => path) };
  },

  async delete(context, step) {
    const { path = "", paths: several, recursive, allow_missing: allowMissing } = step;
    const target = filesOf(context, step);
    const options = { allowMissing, ...context.call };
    return {
      deleted:
        several === undefined
          ? await target.delete(path, { recursive, ...options })
          : await target.deleteMany(paths(several), options),
    };
  },

  async copy(context, step) {
    const { from = "", to = "", recursive, from_at: sourceRef } = step;
    const copies = await filesOf(context, step).copy(from, to, { recursive, sourceRef, ...context.call });
    return { objects: copies.length };
  },

  async move(context, step) {
    const { from = "", to = "", recursive } = step;
    return { objects: (await filesOf(context, step).move(from, to, { recursive, ...context.call })).length };
  },

  async compose(context, step) {
    const { path = "", sources = [], delete_sources: deleteSources } = step;
    const options = { deleteSources, ...writeOptions(context, step) };
    return file(await filesOf(context, step).compose(sources, path, options));
  },

  async write_many(context, step) {
    const objects = newFiles(step.files ?? []).map((described) => ({
      path: described.path,
      data: content(described.content),
      createOnly: described.create_only,
    }));
    return { items: (await filesOf(context, step).writeMany(objects, context.call)).map(item) };
  },

  async read_many(context, step) {
    return { items: (await filesOf(context, step).readMany(paths(step.paths ?? []), context.call)).map(item) };
  },

  async stat_many(context, step) {
    return { items: (await filesOf(context, step).statMany(paths(step.paths ?? []), context.call)).map(item) };
  },

  async upload(context, step) {
    return file(await (await startUpload(context, step)).run(context.call));
  },

  async begin_upload(context, step) {
    return { resume_id: (await startUpload(context, step)).resumeId };
  },
};

function bytesOf(step: Step): Uint8Array<ArrayBuffer> {
  return content(step.content ?? { text: "" });
}

function writeOptions({ call }: Context, step: Step): WriteOptions {
  const { content_type: contentType, metadata, create_only: createOnly } = step;
  return { contentType, metadata, createOnly, ...call };
}

async function writePieces(target: Files, path: string, data: Uint8Array, size: number, options: WriteOptions) {
  const stream = target.writable(path, options);
  const writer = stream.getWriter();
  for (let start = 0; start < data.length; start += size) {
    await writer.write(data.subarray(start, start + size));
  }
  await writer.close();
  return stream.info;
}

async function startUpload(context: Context, step: Step): Promise<Upload> {
  const data = await context.platform.uploadFile(bytesOf(step));
  const { path = "", part_bytes: partBytes, parallel: parallelism, resume_id: resumeId } = step;
  const options = { partBytes, parallelism, resumeId, ...writeOptions(context, step) };
  return filesOf(context, step).resumableUpload(path, data, options);
}
