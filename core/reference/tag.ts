const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** True for a tag of the OCI distribution spec ("Pulling manifests"): 1 to 128 characters. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}
