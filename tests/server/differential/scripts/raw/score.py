"""A @rawhttp run() that answers what the flask request holds, or what its query says."""

import io
import json
import flask
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse


def init():
    """Do nothing."""


def _told(request):
    return {
        "method": request.method,
        "path": request.path,
        "full path": request.full_path,
        "url": request.url.replace(request.host, "HOST"),
        "query": request.query_string.decode("latin-1"),
        "args": request.args.to_dict(flat=False),
        "headers": sorted((k, v) for k, v in request.headers.items() if k != "Host"),
        "cookies": dict(request.cookies),
        "form": request.form.to_dict(flat=False),
        "files": {
            name: [each.filename, each.content_type, each.read().decode("latin-1")]
            for name, each in request.files.items()
        },
        "data": request.get_data().decode("latin-1"),
        "mimetype": request.mimetype,
        "length": request.content_length,
        "is json": request.is_json,
        "scheme": request.scheme,
        "script root": request.script_root,
        "same class": isinstance(request, AMLRequest.__mro__[1]),
        "context": flask.request.method,
        "accepts": [list(each) for each in request.accept_mimetypes],
        "protocol": request.environ["SERVER_PROTOCOL"],
    }


def _stream():
    yield b"one "
    yield b""
    yield "tw\u00f6".encode()


def _broken_stream():
    yield b"one "
    raise ValueError("in the stream")


def _cookie():
    response = flask.make_response("with cookies")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", httponly=True, path="/score")
    return response


ANSWERS = {
    "aml": lambda: AMLResponse("text", 200),
    "aml bytes": lambda: AMLResponse(b"\x00\xff", 200, {"Content-Type": "image/jpeg"}),
    "aml none": lambda: AMLResponse(None, 200),
    "aml none 204": lambda: AMLResponse(None, 204),
    "aml json": lambda: AMLResponse({"a": (1, None)}, 201, {}, True),
    "aml json nan": lambda: AMLResponse(float("nan"), 200, json_str=True),
    "aml headers": lambda: AMLResponse("x", 200, {"X-A": "1, 2", "X-B": " 3 ", "Vary": "A,B"}),
    "aml two types": lambda: AMLResponse("x", 200, {"Content-Type": "a/b, c/d"}),
    "aml lower type": lambda: AMLResponse("x", 200, {"content-type": "a/b"}),
    "aml json type": lambda: AMLResponse(1, 200, {"Content-Type": "a/b"}, json_str=True),
    "aml failed": lambda: AMLResponse("x", 200, run_function_failed=True),
    "aml 404": lambda: AMLResponse("x", 404),
    "aml 500": lambda: AMLResponse("x", 500),
    "aml 503 said false": lambda: AMLResponse("x", 503, {"Retry-After": "1"}, False, False),
    "aml stream": lambda: AMLResponse(_stream(), 200),
    "aml empty": lambda: AMLResponse("", 200),
    "aml list": lambda: AMLResponse(["a", "b"], 200),
    "aml text status": lambda: AMLResponse("x", "202 GOOD"),
    "aml bad status": lambda: AMLResponse("x", 99),
    "aml 304": lambda: AMLResponse("x", 304),
    "aml own ids": lambda: AMLResponse(
        "x",
        200,
        {
            "x-request-id": "mine",
            "TraceId": "mine",
            "x-ms-run-fn-exec-ms": "1",
            "x-ms-server-version": "mine",
            "x-ms-run-function-failed": "Perhaps",
        },
    ),
    "aml own length": lambda: AMLResponse("abcdef", 200, {"Content-Length": "3"}),
    "aml own date": lambda: AMLResponse("x", 200, {"Date": "never", "Server": "mine"}),
    "aml own connection": lambda: AMLResponse("x", 200, {"Connection": "keep-alive"}),
    "aml line break": lambda: AMLResponse("x", 200, {"X-A": "1\r\nX-B: 2"}),
    "aml latin": lambda: AMLResponse("x", 200, {"X-A": "h\u00e9"}),
    "aml beyond latin": lambda: AMLResponse("x", 200, {"X-A": "\u4e16"}),
    "aml odd name": lambda: AMLResponse("x", 200, {"X A": "1"}),
    "aml object": lambda: AMLResponse({"a": 1}, 200),
    "aml unserializable": lambda: AMLResponse(object(), 200, json_str=True),
    "flask": lambda: flask.Response("text"),
    "flask type": lambda: flask.Response(b"a,b", mimetype="text/csv"),
    "flask 404": lambda: flask.Response("x", 404),
    "flask 500": lambda: flask.Response("x", 500),
    "flask json": lambda: flask.jsonify({"b": 1, "a": [1.5]}),
    "flask redirect": lambda: flask.redirect("/elsewhere"),
    "flask stream": lambda: flask.Response(_stream(), mimetype="text/plain"),
    "flask broken stream": lambda: flask.Response(_broken_stream(), mimetype="text/plain"),
    "flask broken stream with length": lambda: flask.Response(
        _broken_stream(), headers={"Content-Length": "10"}
    ),
    "flask file": lambda: flask.send_file(
        io.BytesIO(b"file"), mimetype="text/plain", download_name="f.txt", as_attachment=True
    ),
    "flask cookies": _cookie,
    "flask later": lambda: flask.after_this_request(lambda each: each) and "later",
    "flask abort": lambda: flask.abort(418, "a teapot"),
    "flask 204": lambda: flask.Response(status=204),
    "flask tuple": lambda: ("text", 201, {"X-A": "1"}),
    "text": lambda: "text",
    "none": lambda: None,
    "bytes": lambda: b"bytes",
    "raise": lambda: {}["missing"],
}


@rawhttp
def run(request):
    """Answer as ``answer`` of the query says, or what came."""
    if request.args.get("how") == "lazily":
        return {"method": request.method}
    if request.args.get("how") == "json":
        return request.get_json(force=True)
    if request.args.get("how") == "strict json":
        return {"is": request.json}
    if request.args.get("how") == "chunks":
        return [chunk.decode("latin-1") for chunk in iter(lambda: request.stream.read(3), b"")]
    if "answer" in request.args:
        return ANSWERS[request.args["answer"]]()
    return json.loads(json.dumps(_told(request)))
