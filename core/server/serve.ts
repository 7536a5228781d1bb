import { rm } from "node:fs/promises";
import { type AppOptions, createApp } from "./app.ts";
import { listen, type ListenOptions } from "./listen.ts";
import { Store } from "./store.ts";
import { keepFolder, makeTemporaryFolder } from "./temporary_folder.ts";

/** What is served, and how. */
export interface ServeOptions extends AppOptions {
  /** Default: a temporary folder, which is removed at the end. */
  readonly folder?: string | undefined;
  readonly listen: ListenOptions;
  /** Images to try things out on, dated back from this moment. Default: none. */
  readonly demoFrom?: number | undefined;
}

/** A registry that is being served. */
export interface RunningRegistry {
  /** `http://127.0.0.1:5000` */
  readonly url: string;
  readonly folder: string;
  close(): Promise<void>;
}

/** Serves a folder of image layouts as an OCI registry. Throws `CONFIG`, `NETWORK`. */
export async function serve(options: ServeOptions): Promise<RunningRegistry> {
  const { demoFrom, readOnly = false } = options;
  const temporary = options.folder === undefined ? await makeTemporaryFolder() : undefined;
  const folder = options.folder ?? temporary ?? "";
  let store: Store | undefined;
  const cleanUp = async () => {
    store?.close();
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
  };
  try {
    const isForReading = readOnly && demoFrom === undefined;
    store = await Store.open(folder, { readOnly: isForReading && temporary === undefined });
    if (temporary === undefined && !isForReading) await keepFolder(folder);
    if (demoFrom !== undefined) await fillEmpty(store, demoFrom, options);
    const server = await listen(createApp(store, options), options.listen);
    return {
      url: server.url,
      folder,
      close: async () => {
        await server.close();
        await cleanUp();
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

async function fillEmpty(store: Store, now: number, { warn }: AppOptions): Promise<void> {
  if ((await store.repositories()).length > 0) {
    return warn?.("There are images already; those of the demo are left out");
  }
  const { fillWithDemo } = await import("./demo.ts");
  await fillWithDemo(store, now);
}
