"""Identify the format of a file by its first bytes, and list the formats that are decoded.

A suffix is only a hint, because people rename files. Only TGA has no signature, and is recognised by its suffix.
"""

import re

HEAD = 144                   # bytes that `identify` needs; DICOM's signature is at 128
# usual suffixes of the pictures that Tenfold decodes; a file with another suffix is identified by its content
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".gif",
                      ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".avif", ".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc",
                      ".tga", ".ico", ".heic", ".heif"})
# usual suffixes of texts, of which a set may hold one for each picture: boxes, or the history of a run
TEXTS = frozenset({".txt", ".xml", ".json", ".csv", ".tsv", ".yaml", ".yml", ".md", ".py"})
# formats that preprocess.decode opens, by their name in `identify`, with Pillow's names
DECODED = {"PNG": ("PNG",), "JPEG": ("JPEG", "MPO"), "BMP": ("BMP",), "WebP": ("WEBP",), "TIFF": ("TIFF",),
           "GIF": ("GIF",), "PPM": ("PPM",), "AVIF": ("AVIF",), "JPEG 2000": ("JPEG2000",), "ICO": ("ICO",),
           "TGA": ("TGA",)}
LFS = "Git LFS pointer"      # a text that stands for a file which was not fetched
HEIC = "HEIC"                # decoded where the package pillow-heif is installed

_SIGNATURES = (
    ("PNG", rb"\x89PNG\r\n\x1a\n"), ("JPEG", rb"\xff\xd8\xff"), ("GIF", rb"GIF8[79]a"), ("WebP", rb"RIFF.{4}WEBP"),
    ("TIFF", rb"(II\*\x00|MM\x00\*|II\+\x00|MM\x00\+)"), ("BMP", rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00"),
    ("PPM", rb"P[1-6fF]\s\s*[#\d]"), ("AVIF", rb".{4}ftyp(avif|avis|.{8,40}?avif)"),
    ("JPEG 2000", rb"(\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51)"),
    (HEIC, rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)"), ("ICO", rb"\x00\x00\x01\x00[^\x00]"),
    ("JPEG XL", rb"(\xff\x0a|\x00\x00\x00\x0cJXL \r\n\x87\n)"), ("PDF", rb"%PDF"), ("PostScript", rb"%!PS"),
    ("Photoshop", rb"8BPS"), ("OpenEXR", rb"\x76\x2f\x31\x01"), ("Radiance HDR", rb"#\?R"), ("DDS", rb"DDS "),
    ("DICOM", rb".{128}DICM"), ("NumPy", rb"\x93NUMPY"), ("HDF5", rb"\x89HDF\r\n\x1a\n"), ("ZIP", rb"PK\x03\x04"),
    ("gzip", rb"\x1f\x8b"), ("7z", rb"7z\xbc\xaf"), ("RAR", rb"Rar!"),
    ("video", rb"(.{4}ftyp|RIFF.{4}AVI |\x1aE\xdf\xa3)"), ("SVG", rb"\s*(<\?xml.{0,100})?<svg"),
    ("XML", rb"\s*<\?xml"), ("HTML", rb"\s*<(?i:!doctype html|html)"),
    (LFS, rb"version https://git-lfs"), ("JSON", rb"\s*[\[{]\s*[\"\[{\d]"),
)
_PATTERNS = tuple((name, re.compile(pattern, re.DOTALL)) for name, pattern in _SIGNATURES)


def identify(head: bytes) -> str:
    """Return the format of a file from its first bytes, such as "PNG", "HEIC", "PDF" or "text"; "" if unknown."""
    for name, pattern in _PATTERNS:
        if pattern.match(head):
            return name
    if head and all(byte in b"\t\n\r\f\b\x1b" or byte >= 32 for byte in head):
        try:
            head.decode("utf-8", "strict")
        except UnicodeDecodeError as error:
            return "text" if error.start > len(head) - 4 else ""      # a character cut in two by the end
        return "text"
    return ""
