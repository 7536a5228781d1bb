/** `2026-11-26 04:31 UTC` of an RFC 3339 date; the text itself where it is none. */
export function formatMinute(date: string): string {
  const at = Date.parse(date);
  if (Number.isNaN(at)) return date;
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
