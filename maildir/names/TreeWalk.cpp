#include "maildir/names/TreeWalk.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "maildir/FileOps.h"
#include "maildir/names/LevelCodec.h"

namespace maildir {

namespace {

constexpr std::size_t maxDirectories = 100'000;
constexpr std::size_t maxDepth = 64;

using Identity = std::pair<dev_t, ino_t>;

// None in a directory that is proven to be missing. isRoot: not to be allowed to look into the root is an error;
// elsewhere it means that nothing is to be found there.
// What has no directory above it has no names either, nor has a file: what the root is, the caller has to judge.
bool mayHaveNames(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return S_ISDIR(status.st_mode);
    return ::lstat(path.c_str(), &status) == 0 || errno != ENOENT;
}

std::vector<std::string> namesIn(const std::string& path, bool isRoot) {
    try {
        return listDirectory(path);
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::NoPermission && !isRoot) return {};
        if (error.kind() != ErrorKind::Unavailable || mayHaveNames(path)) throw;
        return {};
    }
}

class FsWalk {
public:
    explicit FsWalk(std::string root) : _root(std::move(root)) {}

    std::vector<std::string> run() {
        visit({});
        return std::move(_found);
    }

private:
    void visit(const std::string& directory) {
        const std::string path = directory.empty() ? _root : _root + '/' + directory;
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0) return noteUnseen(directory, path, errno);
        if (!S_ISDIR(status.st_mode)) return;
        const Identity identity{status.st_dev, status.st_ino};
        if (std::find(_above.begin(), _above.end(), identity) != _above.end()) return;
        if (!directory.empty()) _found.push_back(directory);
        if (_found.size() > maxDirectories) throw Error(ErrorKind::Limit, "too many directories in the tree", _root);
        if (_above.size() == maxDepth) return;

        _above.push_back(identity);
        for (const std::string& name : namesIn(path, directory.empty())) {
            if (_codec.canBeComponent(name)) visit(directory.empty() ? name : directory + '/' + name);
        }
        _above.pop_back();
    }

    // What a link leads to may be a file system that is not mounted now: it is a directory whose content is unknown.
    void noteUnseen(const std::string& directory, const std::string& path, int number) {
        const bool isMissing = number == ENOENT || number == ENOTDIR || number == ELOOP;
        const bool isHidden = number == EACCES && !directory.empty();
        if (!isMissing && !isHidden) throw Error::fromErrno("cannot look at", path, number);
        struct stat link {};
        if (number == ENOENT && !directory.empty() && ::lstat(path.c_str(), &link) == 0) _found.push_back(directory);
    }

    std::string _root;
    LevelCodec _codec{Layout::Fs, NameEncoding::ModifiedUtf7, 0};
    std::vector<Identity> _above;
    std::vector<std::string> _found;
};

}  // namespace

std::vector<std::string> directoriesBelow(const std::string& root, Layout layout) {
    if (layout == Layout::Fs) return FsWalk(root).run();
    std::vector<std::string> names = namesIn(root, true);
    std::erase_if(names, [](const std::string& name) { return !name.starts_with('.'); });
    return names;
}

}  // namespace maildir
