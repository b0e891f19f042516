"""Read the headers of the arrays in an .npz, and locate its pictures without loading them.

Sizes that the file declares are checked before they are used, and nothing in the file is ever unpickled.
"""

import math
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tenfold.data.errors import SourceFault, UserFault, unreadable
from tenfold.data.files import open_file
from tenfold.data.memory import check_room, format_bytes
from tenfold.data.sources.npz_pictures import AGAIN, Arrays, read_header
from tenfold.data.wording import some

_MEMBERS = 1000              # members whose headers are read
_DEFLATE = 1032              # bytes to which one byte of deflate can decompress, at most
SAVE = "save it with numpy.savez(file, x=…, y=…, classes=…)"


@dataclass(frozen=True)
class Member:
    """The header of one array."""
    info: zipfile.ZipInfo
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    begin: int                     # where its data begins within the member

    def __str__(self):
        return f"{self.dtype} {self.shape}"


class Npz:
    """The headers of an .npz file. SourceFault: it is not one."""

    def __init__(self, path: Path):
        self.path = path
        self.members: dict[str, Member] = {}
        self.damaged: dict[str, str] = {}        # members whose header cannot be read, and why
        try:
            with open_file(path) as f, zipfile.ZipFile(f) as z:
                for info in z.infolist()[:_MEMBERS]:
                    _check_name(z, info)
                    if info.filename.endswith(".npy"):
                        self._add(z, info)
        except Exception as error:   # zipfile raises many kinds for damaged and for hostile files
            raise self._no_arrays(error) from None

    def _add(self, z: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        key = info.filename.removesuffix(".npy")
        if not re.fullmatch(r"[\w .-]{1,100}", key):            # it becomes a file name when the array is unpacked
            self.damaged[key] = "of a name that is no array's"
            return
        try:
            with z.open(info) as f:
                shape, fortran, dtype = read_header(f)
                self.members[key] = Member(info, shape, dtype, fortran, f.tell())
        except Exception as error:   # numpy raises many kinds, too
            self.damaged[key] = str(error)

    def read(self, key: str, most: int) -> np.ndarray:
        """Read an array in full. SourceFault: it has more than `most` bytes, is damaged, or holds Python objects."""
        member = self.members[key]
        size = math.prod(member.shape) * member.dtype.itemsize
        if size > most:
            raise self.fault(f"{key} is declared with {format_bytes(size)}, where {format_bytes(most)} are the most "
                             "that it can need", AGAIN)
        check_room(self.path, 2 * size, f"to read {key}", "free some memory")
        if member.dtype.hasobject:
            raise self.fault(f"{key} holds Python objects, which are never unpickled",
                             f"save it as text or numbers: {key}=numpy.array({key}, dtype=str)")
        self._check_whole(key)
        try:
            with open_file(self.path) as f, np.load(f, allow_pickle=False) as z:
                return z[key]
        except Exception as error:
            raise self._no_arrays(error) from None

    def pixels(self, key: str) -> Arrays:
        """Locate the pictures of the array `key`, uint8 (n, H, W) or (n, H, W, C), in the file."""
        member = self.members[key]
        self._check_whole(key)
        offset = -1
        if member.info.compress_type == zipfile.ZIP_STORED:
            try:
                offset = _stored_at(self.path, member.info) + member.begin
            except (OSError, ValueError) as error:
                raise self._no_arrays(error) from None
            if self.path.stat().st_size < offset + math.prod(member.shape):
                raise self._short(key)
        shape = (*member.shape, 1) if len(member.shape) == 3 else tuple(member.shape)
        return Arrays(self.path, offset, shape, key)

    def _check_whole(self, key: str) -> None:
        member, packed = self.members[key], self.members[key].info.compress_size
        method = member.info.compress_type
        if (method == zipfile.ZIP_STORED and packed < member.info.file_size) or (
                method == zipfile.ZIP_DEFLATED and packed * _DEFLATE + 1000 < member.info.file_size):
            raise SourceFault(self.path, f"is damaged ({key} declares more than its {packed} bytes can hold)", AGAIN)
        if min(member.shape, default=0) < 0 or \
                member.info.file_size < member.begin + math.prod(member.shape) * member.dtype.itemsize:
            raise self._short(key)

    def _short(self, key: str) -> SourceFault:
        return SourceFault(self.path, f"is damaged ({key} is shorter than its {self.members[key].shape})", AGAIN)

    def _no_arrays(self, error) -> UserFault:
        return unreadable(error, self.path) or SourceFault(self.path, f"is not an arrays file ({error})", SAVE)

    def fault(self, fact: str, cure: str) -> SourceFault:
        """Return a fault that also lists the arrays that were found."""
        held = [f"{key[:40]} {member}" for key, member in self.members.items()]
        held += [f"{key[:40]} (damaged: {why[:60]})" for key, why in self.damaged.items()]
        return SourceFault(self.path, f"{fact} (it holds {some(held, 8) or 'no arrays'})", cure)


def _check_name(z: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Raise zipfile.BadZipFile if a member has two different names, because readers would not agree on the array."""
    try:
        z.open(info).close()
    except zipfile.BadZipFile as error:
        if "differ" in str(error):
            raise
    except Exception:            # a kind of member that is not read
        return


def _stored_at(path: Path, info: zipfile.ZipInfo) -> int:
    """Return where the bytes of an uncompressed member begin: behind its local header (APPNOTE.TXT 4.3.7)."""
    with open_file(path) as f:
        f.seek(info.header_offset + 26)
        name, extra = np.frombuffer(f.read(4), "<u2")
    return info.header_offset + 30 + int(name) + int(extra)
