"""The kind of a file by its name or first bytes: image, video, audio, or something that MindAAM does not read."""

import os
import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from mindaam.files import start_of

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".jp2")
IMAGE_SUFFIXES += (".ppm", ".pgm", ".pbm", ".pnm", ".apng", ".j2k")
HEIF_SUFFIXES = (".heic", ".heif", ".hif")
HEIF_PLUGIN = "pillow_heif"
if find_spec(HEIF_PLUGIN):  # Pillow itself does not read these
    IMAGE_SUFFIXES += HEIF_SUFFIXES
# Files with these suffixes are images, videos and audio for every command; the content decides how they are decoded.
VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv")
VIDEO_SUFFIXES += (".flv", ".f4v", ".ogv", ".3gp", ".3g2", ".mxf", ".asf", ".vob", ".ivf", ".y4m")
# Of several audio files of one video, the first in this order is taken.
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".ac3", ".eac3", ".aif", ".aiff")
AUDIO_SUFFIXES += (".amr", ".au", ".caf", ".w64", ".mka", ".wma")
START = 4096  # bytes of a file that show its kind
MOST_KINDS = 8  # kinds named in a count
_LITTER = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir", "$recycle.bin")


class Kind(NamedTuple):
    """A kind of file that is not read. name: in a list of what a folder holds. phrase: "it is ...". cure: a cure,
    an imperative."""

    name: str
    phrase: str
    cure: str


RAW = Kind(
    "camera raw",
    "a camera raw file, which has sensor values and no finished image",
    "develop it: save it as JPEG, PNG or TIFF with the camera's program or with darktable",
)
HEIC = Kind("HEIC", "a HEIC image", 'save it as JPEG or PNG, or give Pillow its reader: pip install "pillow-heif"')
VIDEO = Kind("video", "a video", "give it a video's suffix, such as .mp4 or .mkv")
AUDIO = Kind("audio", "an audio file", "give an image or a video")


def _saved_as_png(name, phrase):
    return Kind(name, phrase, "save it as JPEG or PNG")


PSD = _saved_as_png("Photoshop", "a Photoshop document")
SVG = Kind("SVG", "an SVG drawing, which has no pixels of its own", "export it as PNG")
PDF = Kind("PDF", "a PDF document", "export its image as PNG")
EPS = Kind("PostScript", "a PostScript drawing", "export it as PNG")
JXL = _saved_as_png("JPEG XL", "a JPEG XL image")
ICON = _saved_as_png("icon", "an icon")
XCF = _saved_as_png("GIMP", "a GIMP document")
EXR = _saved_as_png("OpenEXR", "an image of floating-point light (OpenEXR or Radiance)")
JXR = _saved_as_png("JPEG XR", "a JPEG XR image")
DICOM = _saved_as_png("DICOM", "a medical image (DICOM)")
TGA = _saved_as_png("TGA", "a TGA image")
OTHER_IMAGE = _saved_as_png("other image", "an image in a format that is not read")
ARCHIVE = Kind("archive", "an archive", "unpack it")
DOCUMENT = Kind("document", "a document", "save its images as files")
WEB_PAGE = Kind("web page", "a web page", "fetch the image itself")
TEXT = Kind("text", "a text", "give an image or a video")
TABLE = Kind("table", "a table", "give an image or a video")
DATA = Kind("data", "a data file", "give an image or a video")
OTHER = Kind("other", "a file of an unknown kind", "give an image or a video")

_PLAIN_SUFFIX = re.compile(r"\.[a-z0-9_-]{1,10}")  # fit to be shown
_SUFFIXES = {
    RAW: ".nef .nrw .dng .cr2 .cr3 .crw .arw .srf .sr2 .raf .orf .ori .rw2 .rwl .raw .pef .srw .x3f .3fr .fff .iiq "
    ".mrw .mef .mos .dcr .kdc .dcs .erf .gpr",
    HEIC: ".heic .heif .hif .heics .heifs .avci",
    PSD: ".psd .psb",
    SVG: ".svg .svgz",
    PDF: ".pdf .ai",
    EPS: ".eps .ps .epsf",
    JXL: ".jxl",
    ICON: ".ico .cur .icns",
    XCF: ".xcf",
    EXR: ".exr .hdr .rgbe",
    JXR: ".jxr .wdp .hdp",
    DICOM: ".dcm .dicom",
    TGA: ".tga",
    OTHER_IMAGE: ".dib .pcx .sgi .rgb .ras .dds .qoi .xbm .xpm .wmf .emf .fits .fit .pfm .bpg .jpf .jpx .j2c .jpc .kra "
    ".cdr .avifs",
    VIDEO: " ".join(VIDEO_SUFFIXES) + " .divx .rm .rmvb .dv .mj2 .insv .lrv .mod .tod .m2v .264 .265 .h264 .hevc",
    AUDIO: " ".join(AUDIO_SUFFIXES) + " .mid .midi .aifc .wv .ape .dsf",
    ARCHIVE: ".zip .gz .tgz .tar .7z .rar .bz2 .xz .zst",
    DOCUMENT: ".doc .docx .odt .rtf .ppt .pptx .key .pages .odp",
    WEB_PAGE: ".html .htm .mhtml .webarchive",
    TEXT: ".txt .md .log .rst .srt .vtt",
    TABLE: ".csv .tsv .xls .xlsx .ods .parquet",
    DATA: ".json .jsonl .yaml .yml .xml .toml .mat .npy .npz .h5 .hdf5 .pkl .pickle .pt .pth .ckpt .safetensors .db "
    ".xmp .aae .edf .asc .idf",
}
_BY_SUFFIX = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes.split()}
# Brands of ISO files ("ftyp"), which may hold an image as well as a video.
_AVIF_BRANDS, _HEIF_BRANDS = {b"avif", b"avis"}, {b"mif1", b"msf1", b"mif2", b"avci", b"avcs"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_STARTS = (
    (RAW, rb"II\*\0....CR\x02|IIRO|IIRS|MMOR|IIU\0|FUJIFILMCCD-RAW|FOVb|\0MRM|.{6}HEAPCCDR"),
    (PSD, rb"8BPS"),
    (PDF, rb"%PDF-"),
    (EPS, rb"%!PS|\xc5\xd0\xd3\xc6"),
    (JXL, rb"\xff\x0a|\0\0\0\x0cJXL "),
    (XCF, rb"gimp xcf"),
    (EXR, rb"v/1\x01|#\?R(ADIANCE|GBE)"),
    (JXR, rb"II\xbc[\0\x01]"),
    (ICON, rb"\0\0[\x01\x02]\0[\x01-\xff]\0|icns"),
    (DICOM, rb".{128}DICM"),
    (OTHER_IMAGE, rb"qoif|DDS |BPG\xfb|SIMPLE  =|\x01\xda|\x59\xa6\x6a\x95|/\* XPM|\xd7\xcd\xc6\x9a"),
    (VIDEO, rb"\x1aE\xdf\xa3|RIFF....AVI |FLV\x01|\0\0\x01[\xba\xb3]|0&\xb2u\x8ef\xcf\x11|DKIF|YUV4MPEG2"),
    (VIDEO, rb"\x06\x0e\+\x34"),
    (VIDEO, rb"G.{187}G.{187}G|.{4}G.{191}G.{191}G|....(moov|mdat|wide|free|skip)"),
    (AUDIO, rb"RIFF....WAVE|fLaC|ID3|FORM....AIF[FC]|\.snd|caff"),
    (VIDEO, rb"OggS.{24}.{1,260}theora"),
    (AUDIO, rb"OggS"),
    (ARCHIVE, rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!|BZh|\xfd7zXZ"),
    (SVG, rb"(\xef\xbb\xbf)?\s*(<\?xml.*?)?(<!--.*?-->\s*)?(<!DOCTYPE svg.*?)?<svg[\s>]"),
)
_STARTS = tuple((kind, re.compile(pattern, re.DOTALL | re.IGNORECASE)) for kind, pattern in _STARTS)
_IMAGES = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8[79]a|RIFF....WEBP|BM|II[*+]\0|MM\0[*+]|P[1-6]\s|\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    re.DOTALL,
)


def kind_of_name(path):
    """The Kind that a file's suffix means; OTHER for an unknown one, VIDEO and AUDIO too, None for images."""
    suffix = Path(path).suffix.lower()
    return None if suffix in IMAGE_SUFFIXES else _BY_SUFFIX.get(suffix, OTHER)


def kind_of_content(start):
    """The Kind that the first bytes of a file (START of them) mean; None for a supported image, and for an
    unknown kind."""
    if start[4:8] == b"ftyp":
        return _kind_of_iso(start)
    return next((kind for kind, pattern in _STARTS if pattern.match(start)), None)


def is_image(start):
    """Whether the first bytes of a file are those of an image in a format that is read, or of HEIC."""
    if start[4:8] == b"ftyp":
        return _kind_of_iso(start) in (None, HEIC)
    return _IMAGES.match(start) is not None


def file_start(path):
    """The first START bytes of a file, as `files.start_of`."""
    return start_of(path, START)


def _kind_of_iso(start):
    size = min(max(int.from_bytes(start[:4], "big"), 16), 256)
    brands = [start[8:12], *(start[at : at + 4] for at in range(16, size - 3, 4))]
    if b"crx " in brands:
        return RAW
    if _AVIF_BRANDS & set(brands):
        return None
    if _HEIC_BRANDS & set(brands) or brands[0] in _HEIF_BRANDS:
        return HEIC
    return AUDIO if brands[0] in (b"M4A ", b"M4B ") else VIDEO


def is_litter(path):
    """Whether a file or folder is hidden, or one that operating systems create by themselves."""
    name = Path(path).name.lower()
    return name.startswith((".", "~$")) or name in _LITTER


def counted(paths):
    """Files and folders that are skipped, counted by kind: "3 camera raw (.nef) and 1 text (.txt) files, 1 folder",
    most frequent first; empty for none. Links and litter count as what they lead to, and not at all."""
    paths = [path for path in paths if not is_litter(path)]
    folders = sum(os.path.isdir(path) for path in paths)
    found = Counter(_named(path) for path in paths if not os.path.isdir(path))
    ranked = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{number} {name}" for name, number in ranked[:MOST_KINDS]]
    if rest := sum(number for _, number in ranked[MOST_KINDS:]):
        shown.append(f"{rest} more")
    listed = " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))
    files = f"{listed} file{'s' if sum(found.values()) > 1 else ''}" if listed else ""
    return ", ".join(filter(None, (files, f"{folders} folder{'s' if folders > 1 else ''}" if folders else "")))


def _named(path):
    kind, suffix = kind_of_name(path), Path(path).suffix.lower()
    name = "image" if kind is None else kind.name
    if not suffix:
        return f"{name} (no suffix)"
    return f"{name} ({suffix})" if _PLAIN_SUFFIX.fullmatch(suffix) else name
