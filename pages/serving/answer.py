"""An answer that a browser may keep: the body with its ETag, 304 where it is there already."""

from __future__ import annotations

import hashlib

from fastapi import Request, Response


def cached(request: Request, body: bytes, media_type: str = "application/json", max_age_s: int = 0) -> Response:
    """The body with its ETag; 304 where the browser has it already. `max_age_s` 0: it asks every time."""
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    control = f"private, max-age={max_age_s}" if max_age_s else "private, no-cache"
    headers = {"ETag": etag, "Cache-Control": control}
    if etag in request.headers.get("if-none-match", "").replace("W/", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)
