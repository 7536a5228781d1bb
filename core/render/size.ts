import prettyBytes from "pretty-bytes";

/** `3.46 MB`, in powers of 1000, as Docker shows it. */
export function formatSize(bytes: number): string {
  return prettyBytes(bytes);
}
