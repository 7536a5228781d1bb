/** An image manifest (image-spec, manifest.md). */
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
/** An image index (image-spec, image-index.md). */
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
/** An image manifest, version 2, schema 2 (distribution, docs/spec/manifest-v2-2.md). */
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
/** A manifest list (distribution, docs/spec/manifest-v2-2.md). */
export const DOCKER_MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";

/** True for the two forms of an image manifest. */
export function isImageType(mediaType: string): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
}

/** True for the two forms of a list of manifests. */
export function isIndexType(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_MANIFEST_LIST;
}

/** All that can be read here, as an `Accept` header lists them. */
export const MANIFEST_TYPES = [OCI_INDEX, OCI_MANIFEST, DOCKER_MANIFEST_LIST, DOCKER_MANIFEST];

/** The configuration of an image to be run (image-spec, config.md). */
export function isImageConfigType(mediaType: string): boolean {
  return mediaType === "application/vnd.oci.image.config.v1+json" ||
    mediaType === "application/vnd.docker.container.image.v1+json";
}

/** True for the two spellings of Docker's first form, which is read nowhere in this program. */
export function isSchema1Type(mediaType: string): boolean {
  return /^application\/vnd\.docker\.distribution\.manifest\.v1\+(json|prettyjws)$/.test(mediaType);
}
