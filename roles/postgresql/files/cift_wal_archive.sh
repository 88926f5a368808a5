#!/bin/sh
# Copy a finished segment of the write-ahead log into the archive: cift-wal-archive SEGMENT TARGET
# The server believes the exit status and then removes the segment: so the copy is on disk before it has its name, and a
# name that is taken is never written over. The same content under that name is success: the server asks again for a
# segment when it crashed before it had noted the first answer.
set -eu
segment=$1 target=$2
if [ -e "$target" ]; then
    cmp -s -- "$segment" "$target" && exit 0
    echo "cift-wal-archive: $target: found another content than $segment, expected none or the same;" \
        "two servers write into one archive, give each its own" >&2
    exit 1
fi
part=$target.part
cp -- "$segment" "$part"
sync -- "$part"
# A hard link is never made over a file that came meanwhile.
ln -- "$part" "$target"
rm -f -- "$part"
sync -- "$(dirname -- "$target")"
