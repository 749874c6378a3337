"""A page as its elements and text, for tests."""

from html.parser import HTMLParser

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a&amp;b'$x_2$", "夜\u202eevil\udc80"]
VOID = {"meta", "img", "circle", "polyline", "line"}


class Page(HTMLParser):
    """The elements and the text of a page; an element that is closed in the wrong order is an error."""

    def __init__(self, content):
        """content: the page as bytes, or its Path."""
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed((content if isinstance(content, bytes) else content.read_bytes()).decode("utf-8"))
        self.close()
        assert self.open == []
        self.said = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    def sources(self):
        """What the page loads."""
        return [value for key, value in self.attributes if key == "src"]

    def links(self):
        """Where it leads."""
        return [value for key, value in self.attributes if key == "href"]
