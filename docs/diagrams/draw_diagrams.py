"""Draw the diagrams of the documentation: python docs/diagrams/draw_diagrams.py mermaid.min.js.

Each `NAME.mmd` beside this file becomes `NAME.svg`, which a page shows without network and script.
`npm install mermaid` puts the script at `node_modules/mermaid/dist/mermaid.min.js`.
"""

from __future__ import annotations

import shutil
import sys
from hashlib import sha256
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
SETTINGS = {
    "startOnLoad": False,
    "theme": "neutral",
    "fontFamily": "system-ui, sans-serif",
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False, "useMaxWidth": False},
    "sequence": {"mirrorActors": False, "useMaxWidth": False},
}
"""Words as SVG's own text, as an image of a page shows no HTML."""
RENDER = """async ([source, settings]) => {
  mermaid.initialize(settings);
  const { svg } = await mermaid.render("diagram", source);
  const host = document.body.appendChild(document.createElement("div"));
  host.innerHTML = svg;
  return new XMLSerializer().serializeToString(host.firstElementChild);
}"""


def stamp(source: str) -> str:
    """Return the comment by which a picture names what it was drawn from."""
    return f"<!-- drawn from {sha256(source.encode()).hexdigest()[:16]} -->"


def main() -> None:
    """Draw each diagram in Chromium by the script that is given."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.add_script_tag(path=sys.argv[1])
        for path in sorted(HERE.glob("*.mmd")):
            source = path.read_text()
            picture = page.evaluate(RENDER, [source, SETTINGS])
            # A page may be dark, of which a picture in it knows nothing.
            picture = picture.replace("background-color: transparent", "background-color: white")
            path.with_suffix(".svg").write_text(f"{picture}\n{stamp(source)}\n")
        browser.close()


if __name__ == "__main__":
    main()
