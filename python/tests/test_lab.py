"""The laboratory that Python opens."""

import base64
import urllib.error
import urllib.request
import zlib

import giantstep as gs
import pytest


class Stay(urllib.request.HTTPRedirectHandler):
    """Tells of a redirection instead of following it."""

    def redirect_request(self, *_):
        return None


def status(address, **headers):
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=300) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


def test_the_page_begins_with_the_experiment_and_ends_with_the_lab(tmp_path):
    experiment = gs.Experiment("z1 + z1*z2", d=1000, p=8, n="4*d", eta="p", steps=2)
    with gs.lab(experiment, tmp_path, browser=False) as lab:
        address, _, fragment = lab.address.partition("#")
        letters = fragment.removeprefix("train=")
        text = zlib.decompress(base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4)), wbits=-15).decode()
        assert gs.Experiment.from_toml(text) == experiment
        page = address.partition("?")[0]
        assert status(page)[0] == 401
        entered, headers = status(address)
        assert entered == 303
        cookie = headers["set-cookie"].partition(";")[0]
        assert status(page, Cookie=cookie)[0] == 200
        assert lab.address in lab._repr_html_()
    with pytest.raises(urllib.error.URLError):
        status(page)
    lab.close()


def test_a_port_that_is_taken_is_told(tmp_path):
    with gs.lab(browser=False) as lab:
        port = int(lab.address.split(":")[2].partition("/")[0])
        with pytest.raises(gs.GiantstepError, match=str(port)):
            gs.lab(browser=False, port=port)
