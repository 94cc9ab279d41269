"""The HTTP side: routes, bodies in, objects, tables, streams and refusals out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from headroom.serving import asked as asking
from headroom.serving import documents, forms, tables
from headroom.serving.access import ANONYMOUS, Door, User
from headroom.serving.asked import Asked
from headroom.serving.bodies import body_of, content_type
from headroom.serving.operations import Answer, Operations
from headroom.serving.problems import Refusal
from headroom.serving.watching import Watching
from headroom.serving.world import ModelStopped, World

WATCHES_MAX: Final = 2_000  # at one time
METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class Server:
    """Answers requests about one world."""

    def __init__(self, world: World, door: Door, address: str) -> None:
        """Be ready; time begins to pass with the application's start."""
        self.world = world
        self.door = door
        self.address = address
        self.operations = Operations(world)
        self._watches: dict[int, Watching] = {}

    def application(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[Route("/{path:path}", self.handle, methods=METHODS)], lifespan=self._lifespan
        )

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        clock = asyncio.create_task(self.world.keep_time())
        yield
        clock.cancel()

    def close(self) -> None:
        """End all watches, so that nobody has to be cut off."""
        for watching in list(self._watches.values()):
            watching.close()

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        try:
            user = self.door.user(request.headers.get("authorization", ""))
            return await self._route(request, user)
        except ModelStopped as stopped:
            return JSONResponse(Refusal(500, str(stopped)).status, 500)
        except Refusal as refusal:
            headers = {"Retry-After": str(refusal.retry_after_s)} if refusal.retry_after_s else {}
            if refusal.code == 401:
                headers["WWW-Authenticate"] = "Bearer"
            return JSONResponse(refusal.status, refusal.code, headers=headers)

    async def _route(self, request: Request, user: User) -> Response:
        path = request.url.path.rstrip("/")
        if path in ("/healthz", "/readyz", "/livez"):
            return PlainTextResponse("ok")
        document = documents.at(path, self.world.spec.kubernetes_version, self.address)
        if document is not None:
            if user.name == ANONYMOUS and path != "/version":
                raise Refusal(403, f'forbidden: User "{ANONYMOUS}" cannot get path "{path}"', details={})
            return JSONResponse(document)
        asked = asking.read(request.method, path, dict(request.query_params))
        self.door.check(user, asked)
        if asked.verb == "watch":
            return self._watch(request, asked)
        if asked.verb == "list":
            return await self._list(request, asked, user)
        code, body = await self._object(request, asked, user)
        if _wants_table(request) and asked.verb == "get" and not asked.subresource:
            metadata = {"resourceVersion": body["metadata"].get("resourceVersion", "")}
            body = tables.table(asked.resource, [body], metadata, self.world.cluster.timestamp())
        return JSONResponse(body, code)

    async def _list(self, request: Request, asked: Asked, user: User) -> Response:
        page, items = await self.operations.list(asked, user.name)
        body = forms.list_of(asked.resource, items, page.version, page.more, page.remaining)
        if _wants_table(request):
            now = self.world.cluster.timestamp()
            body = tables.table(asked.resource, items, body["metadata"], now)
        return JSONResponse(body)

    def _watch(self, request: Request, asked: Asked) -> Response:
        if len(self._watches) >= WATCHES_MAX:
            raise Refusal(429, f"{WATCHES_MAX} watches are open", retry_after_s=1)
        watching = Watching(self.world, asked, as_table=_wants_table(request))
        watching.start()
        return StreamingResponse(self._counted(watching), media_type="application/json")

    async def _counted(self, watching: Watching) -> AsyncIterator[bytes]:
        self._watches[id(watching)] = watching
        try:
            async for line in watching.lines():
                yield line
        finally:
            del self._watches[id(watching)]

    async def _object(self, request: Request, asked: Asked, user: User) -> Answer:
        if asked.verb == "get":
            return await self.operations.get(asked, user.name)
        if asked.verb in ("delete", "deletecollection"):
            options = await body_of(request, asked, optional=True)
            delete = self.operations.delete if asked.verb == "delete" else self.operations.delete_all
            return await delete(asked, user.name, options if isinstance(options, dict) else {})
        return await self._write(request, asked, user)

    async def _write(self, request: Request, asked: Asked, user: User) -> Answer:
        operations, manager = self.operations, _manager(request)
        body = await body_of(request, asked)
        if asked.subresource == "eviction":
            return await operations.evict(asked, user.name, body)
        if asked.verb == "create":
            return await operations.create(asked, user.name, body, manager)
        if asked.verb == "update":
            return await operations.replace(asked, user.name, body, manager)
        return await operations.patch(asked, user.name, content_type(request), body, manager)


def _wants_table(request: Request) -> bool:
    return "as=Table" in request.headers.get("accept", "").replace(" ", "")


def _manager(request: Request) -> str:
    """Return who is said to write: the parameter, or what the client calls itself up to a slash."""
    given = request.query_params.get("fieldManager", "")
    return given or request.headers.get("user-agent", "unknown").partition("/")[0][:128] or "unknown"
