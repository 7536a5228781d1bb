import { tryParseDigest } from "../oci/digest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../oci/media_types.ts";
import {
  type Content,
  type DemoImage,
  makeContent,
  makeImage,
  makeJson,
  type Platform,
} from "./demo_image.ts";
import type { Store } from "./store.ts";

const DAY_MS = 86_400_000;

/** How many days ago each version came out: two years in all. */
const BUSYBOX_AGES: Readonly<Record<string, number>> = {
  "1.8.0": 730,
  "1.9.0": 655,
  "1.9.1": 590,
  "1.10.0-rc1": 520,
  "1.10.0": 505,
  "1.11.0": 410,
  "1.11.1": 340,
  "1.12.0": 265,
  "1.13.0-rc1": 190,
  "1.13.0": 178,
  "1.14.0": 62,
  "1.14.1": 9,
};
const APP_AGES: Readonly<Record<string, number>> = {
  "pr-101": 121,
  "pr-107": 48,
  "pr-112": 3,
  "nightly": 1,
};

const AMD64: Platform = { os: "linux", architecture: "amd64" };
const PLATFORMS: readonly Platform[] = [
  AMD64,
  { os: "linux", architecture: "arm64", variant: "v8" },
  { os: "linux", architecture: "arm", variant: "v7" },
];

/** Fills a store with images to try things out on, their dates counted back from `now`. */
export async function fillWithDemo(store: Store, now: number): Promise<void> {
  const busybox = new Pusher(store, "library/busybox", now);
  for (const [version, age] of Object.entries(BUSYBOX_AGES)) {
    await busybox.image([version], await busybox.make(version, age));
  }
  await busybox.image(["latest", "stable"], await busybox.make("1.14.1", 9));

  const app = new Pusher(store, "team/app", now);
  for (const [tag, age] of Object.entries(APP_AGES)) {
    await app.image([tag], await app.make(tag, age));
  }
  const released = await app.make("1.0.0", 400);
  await app.image(["1.0.0"], released);
  await app.sign(released);
  await app.index(["2.0.0"], await app.makeAll("2.0.0", 200));
  await app.index(["2.1.0", "latest"], await app.makeAll("2.1.0", 30));
}

/** Puts images into one repository. */
class Pusher {
  readonly #store: Store;
  readonly #name: string;
  readonly #now: number;

  constructor(store: Store, name: string, now: number) {
    this.#store = store;
    this.#name = name;
    this.#now = now;
  }

  make(version: string, daysAgo: number, platform: Platform = AMD64): Promise<DemoImage> {
    const { os, architecture, variant = "" } = platform;
    return makeImage({
      platform,
      created: new Date(Math.floor(this.#now / DAY_MS - daysAgo) * DAY_MS),
      labels: { "org.opencontainers.image.version": version },
      layers: [
        { "etc/os-release": `ID=demo\nPRETTY_NAME="A demo for ${os}/${architecture}${variant}"\n` },
        { "etc/version": `${this.#name} ${version}\n` },
      ],
    });
  }

  async makeAll(version: string, daysAgo: number): Promise<DemoImage[]> {
    return await Promise.all(PLATFORMS.map((platform) => this.make(version, daysAgo, platform)));
  }

  async image(tags: readonly string[], { blobs, manifest }: DemoImage): Promise<void> {
    for (const blob of blobs) await this.#putBlob(blob);
    await this.#putManifest(manifest, tags);
  }

  /** An index of images, in the order of {@linkcode PLATFORMS}. */
  async index(tags: readonly string[], images: readonly DemoImage[]): Promise<void> {
    for (const image of images) await this.image([], image);
    const manifests = images.map(({ manifest: { descriptor } }, i) => ({
      ...descriptor,
      platform: PLATFORMS[i],
    }));
    const document = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
    await this.#putManifest(makeJson(document, OCI_INDEX), tags);
  }

  /** A signature, under the tag that cosign gives it, and a list of contents that refers to the image. */
  async sign({ manifest: { descriptor } }: DemoImage): Promise<void> {
    const claim = { critical: { image: { "docker-manifest-digest": descriptor.digest } } };
    const signature = makeJson(claim, "application/vnd.dev.cosign.simplesigning.v1+json");
    const tag = `${descriptor.digest.replace(":", "-")}.sig`;
    // As cosign makes them: an image by its looks, which has the claim for a layer.
    const { digest } = signature.descriptor;
    const config = makeJson({
      architecture: "",
      os: "",
      created: "0001-01-01T00:00:00Z",
      config: {},
      rootfs: { type: "layers", diff_ids: [digest] },
    }, "application/vnd.oci.image.config.v1+json");
    await this.#artifact([tag], signature, {}, config);
    const sbom = makeJson({ spdxVersion: "SPDX-2.3", name: this.#name }, "application/spdx+json");
    await this.#artifact([], sbom, {
      artifactType: "application/spdx+json",
      subject: descriptor,
      annotations: { "org.opencontainers.image.description": "what the image consists of" },
    });
  }

  async #artifact(
    tags: readonly string[],
    layer: Content,
    fields: object,
    config = makeContent(new TextEncoder().encode("{}"), "application/vnd.oci.empty.v1+json"),
  ): Promise<void> {
    await this.#putBlob(config);
    await this.#putBlob(layer);
    const manifest = makeJson({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: config.descriptor,
      layers: [layer.descriptor],
      ...fields,
    }, OCI_MANIFEST);
    await this.#putManifest(manifest, tags);
  }

  async #putBlob({ bytes, descriptor }: Content): Promise<void> {
    const digest = tryParseDigest(descriptor.digest);
    const repository = this.#store.repository(this.#name);
    if (digest === undefined || repository.blob(digest)) return;
    const upload = this.#store.uploads.start(this.#name, digest.algorithm);
    await upload.append((async function* () {
      yield bytes;
    })());
    await this.#store.finish(upload, digest);
  }

  async #putManifest({ bytes, descriptor }: Content, tags: readonly string[]): Promise<void> {
    const contentType = descriptor.mediaType;
    await this.#store.repository(this.#name).putManifest(bytes, { contentType, tags });
  }
}
