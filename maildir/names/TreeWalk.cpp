#include "maildir/names/TreeWalk.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "maildir/FileOps.h"
#include "maildir/names/LevelCodec.h"

namespace maildir {

namespace {

constexpr std::size_t maxDirectories = 100'000;
constexpr std::size_t maxDepth = 64;

using Identity = std::pair<dev_t, ino_t>;

// isRoot: not to be allowed to look into the root is an error; elsewhere it means that nothing is to be found there.
std::vector<std::string> namesIn(const std::string& path, bool isRoot) {
    try {
        return listDirectory(path);
    } catch (const Error& error) {
        const bool isHidden = error.kind() == ErrorKind::NoPermission && !isRoot;
        if (error.kind() == ErrorKind::NotFound || isHidden) return {};
        throw;
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
        if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return;
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
