import { createServer, type Server } from "node:http";

/** A registry with one repository of `pages` pages. */
export function createPagedServer(pages: number, tagsPerPage: number): Server {
  return createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (!url.pathname.endsWith("/tags/list")) {
      response.end("{}");
      return;
    }
    const page = Number(url.searchParams.get("last") ?? 0);
    const tags = Array.from(
      { length: tagsPerPage },
      (_, i) => `tag-${String(page * tagsPerPage + i).padStart(6, "0")}`,
    );
    response.setHeader("content-type", "application/json");
    if (page + 1 < pages) {
      response.setHeader("link", `<${url.pathname}?last=${page + 1}>; rel="next"`);
    }
    response.end(JSON.stringify({ name: "app", tags }));
  });
}
