#include "maildir/watch/FileSystem.h"

#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace maildir {

namespace {

struct Kind {
    std::uint32_t magic;  // of statfs(2), and linux/magic.h
    const char* name;
    bool isLocal;
};

constexpr std::array kinds{
    Kind{0xEF53, "ext2, ext3 or ext4", true},
    Kind{0x58465342, "xfs", true},
    Kind{0x9123683E, "btrfs", true},
    Kind{0x2FC12FC1, "zfs", true},
    Kind{0xF2F52010, "f2fs", true},
    Kind{0xCA451A4E, "bcachefs", true},
    Kind{0x01021994, "tmpfs", true},
    Kind{0x858458F6, "ramfs", true},
    Kind{0x794C7630, "overlay", true},
    Kind{0x3153464A, "jfs", true},
    Kind{0x52654973, "reiserfs", true},
    Kind{0x3434, "nilfs2", true},
    Kind{0x6969, "nfs", false},
    Kind{0xFF534D42, "cifs", false},
    Kind{0xFE534D42, "smb2", false},
    Kind{0x517B, "smb", false},
    Kind{0x65735546, "fuse", false},
    Kind{0x00C36400, "ceph", false},
    Kind{0x5346414F, "afs", false},
    Kind{0x01021997, "9p", false},
    Kind{0x0BD00BD0, "lustre", false},
    Kind{0x01161970, "gfs2", false},
    Kind{0x7461636F, "ocfs2", false},
    Kind{0x786F4256, "vboxsf", false},
};

}  // namespace

FileSystem fileSystemOf(const std::string& path) {
    struct statfs system {};
    struct stat status {};
    if (statfs(path.c_str(), &system) != 0 || stat(path.c_str(), &status) != 0) return {};
    const auto magic = static_cast<std::uint32_t>(system.f_type);
    const auto* const kind =
        std::find_if(kinds.begin(), kinds.end(), [magic](const Kind& each) { return each.magic == magic; });
    if (kind != kinds.end()) return {kind->name, status.st_dev, kind->isLocal};
    std::array<char, 16> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), magic, 16).ptr;
    return {"0x" + std::string(digits.data(), end), status.st_dev, false};
}

}  // namespace maildir
