#include "maildir/names/MailTree.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <utility>

#include "maildir/FileOps.h"
#include "maildir/NewMail.h"
#include "maildir/names/ForeignStore.h"
#include "maildir/names/Subscriptions.h"
#include "maildir/names/TreeWalk.h"
#include "maildir/names/UidValidityFile.h"

namespace maildir {

namespace {

// In the root's tmp/: no reader of either layout takes what is there for a mailbox.
constexpr std::string_view deletedPrefix = "maildock-deleted.";

// In the order in which they are made: cur makes it a mailbox.
constexpr std::array rootParts = {"/tmp", "/new", "/cur"};

// Throws where that can't be told.
bool isDirectory(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) return S_ISDIR(status.st_mode);
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG) return false;
    throw Error::fromErrno("cannot look at", path);
}

std::string parentOf(const std::string& path) {
    const auto slash = path.find_last_of('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

// False if it was there already.
bool makeDirectoryIfMissing(const std::string& path) {
    try {
        makeDirectory(path);
        return true;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::AlreadyExists) throw;
        if (!isDirectory(path)) throw Error(ErrorKind::InvalidName, "a file is where a mailbox would be", path);
        return false;
    }
}

// Renames to a name that must be free. False if `from` is not there.
bool renameToFree(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
    if (errno == EINVAL || errno == ENOSYS) {  // a file system (some network ones) without this kind of rename
        struct stat status {};
        if (::lstat(to.c_str(), &status) == 0) throw Error::fromErrno("cannot rename", to, EEXIST);
        if (::rename(from.c_str(), to.c_str()) == 0) return true;
    }
    if (errno == ENOENT) return false;
    throw Error::fromErrno("cannot rename", from);
}

bool isInferiorOrSame(const MailboxName& name, const MailboxName& of) {
    return name.levels.size() >= of.levels.size() &&
           std::equal(of.levels.begin(), of.levels.end(), name.levels.begin());
}

MailboxName superiorOf(const MailboxName& name, std::size_t levels) {
    return {{name.levels.begin(), name.levels.begin() + static_cast<std::ptrdiff_t>(levels)}};
}

// Makes the directory a mailbox. cur comes last and decides: of two who do this at once, one makes cur; and what a
// crash leaves without it is finished by the next who tries.
void makeMailbox(const std::string& path, Layout layout) {
    makeDirectoryIfMissing(path);
    makeDirectoryIfMissing(path + "/tmp");
    makeDirectoryIfMissing(path + "/new");
    if (layout == Layout::MaildirPlusPlus) {
        try {
            createExclusive(path + "/maildirfolder");
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::AlreadyExists) throw;
        }
    }
    makeDirectory(path + "/cur");
    syncDirectory(path);
    syncDirectory(parentOf(path));
}

}  // namespace

MailTree::MailTree(TreeSettings settings) : _settings(std::move(settings)) {
    while (_settings.root.size() > 1 && _settings.root.back() == '/') _settings.root.pop_back();
    if (!_settings.encoding) {
        _finding = detectEncoding(directoriesBelow(_settings.root, _settings.layout), _settings.layout);
    }
    _mapper = std::make_shared<const NameMapper>(_settings.layout, _settings.encoding.value_or(_finding.encoding),
                                                 _settings.escapeCharacter);
}

const NameMapper& MailTree::mapper() const {
    return *_mapper;
}

const TreeSettings& MailTree::settings() const {
    return _settings;
}

std::string MailTree::pathOf(const MailboxName& name) const {
    const std::string directory = _mapper->directoryOf(name);
    return directory.empty() ? _settings.root : _settings.root + '/' + directory;
}

void MailTree::requireRoot() const {
    const std::string& root = _settings.root;
    struct stat status {};
    const int number = ::stat(root.c_str(), &status) == 0 ? 0 : errno;
    const std::lock_guard lock(_known->mutex);
    if (number != 0 && (_known->isKnown || number != ENOENT)) {
        throw Error::fromErrno("the root of the mail can't be looked at: mount it, or put it back", root, number);
    }
    if (number != 0) return;
    if (_known->isKnown && status.st_dev != _known->device && status.st_ino != _known->inode) {
        throw Error(ErrorKind::Unavailable, "another file system is there than before: mount the one with the mail",
                    root);
    }
    _known->isKnown = true;
    _known->device = status.st_dev;
    _known->inode = status.st_ino;
}

bool MailTree::isThere() const {
    return std::any_of(rootParts.begin(), rootParts.end(),
                       [this](const char* part) { return isDirectory(_settings.root + part); });
}

bool MailTree::ensureRoot() const {
    const std::string& root = _settings.root;
    requireRoot();
    if (std::all_of(rootParts.begin(), rootParts.end(), [&root](const char* part) { return isDirectory(root + part); }))
        return false;
    const bool isNew = !isThere();
    if (isNew) requireRoomForRoot();
    for (std::size_t slash = root.find('/', 1); slash != std::string::npos; slash = root.find('/', slash + 1)) {
        const std::string parent = root.substr(0, slash);
        if (!isDirectory(parent) && makeDirectoryIfMissing(parent)) syncDirectory(parentOf(parent));
    }
    if (makeDirectoryIfMissing(root)) {
        if (::chmod(root.c_str(), S_IRWXU) != 0) throw Error::fromErrno("cannot change the mode", root);
        syncDirectory(parentOf(root));
    }
    for (const char* const part : rootParts) makeDirectoryIfMissing(root + part);
    syncDirectory(root);
    requireRoot();
    return isNew;
}

void MailTree::requireRoomForRoot() const {
    if (const std::optional<std::string> store = foreignStoreIn(_settings.root))
        throw Error(ErrorKind::Corrupt, "no mail tree is made over " + *store, _settings.root);
    if (_settings.mayMakeRoot) return;
    throw Error(ErrorKind::Unavailable,
                "there is no mail tree, and none may be made (mail.create = false): is the path right, and the disk "
                "mounted?",
                _settings.root);
}

// Whether a directory of the tree is to be listed as a mailbox: not only if it has a cur/, or mail in its new/, but
// also if that can't be told.
bool MailTree::isMailbox(const std::string& directory, int root) const {
    struct stat status {};
    if (::fstatat(root, (directory + "/cur").c_str(), &status, 0) == 0) return S_ISDIR(status.st_mode);
    const int number = errno;
    if (number == ENOTDIR || number == ELOOP || number == ENAMETOOLONG) return false;
    if (number != ENOENT) return true;
    // A link that leads nowhere: what it leads to is not mounted now.
    const bool isThere = ::fstatat(root, directory.c_str(), &status, 0) == 0;
    if (!isThere && errno == ENOENT) return ::fstatat(root, directory.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    try {
        return maildir::hasNewMail(root, directory);
    } catch (const Error&) {
        return true;
    }
}

std::vector<MailboxEntry> MailTree::list() const {
    std::map<MailboxName, bool> isSelectable;
    // Open, so that the kernel walks the path to it once.
    requireRoot();
    const FileDescriptor root(::open(_settings.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.isOpen() && errno != ENOENT) throw Error::fromErrno("cannot open the directory", _settings.root);
    for (const std::string& directory : directoriesBelow(_settings.root, _settings.layout)) {
        const auto name = _mapper->nameOf(directory);
        if (!name || !isMailbox(directory, root.get())) continue;
        isSelectable[*name] = true;
        for (std::size_t levels = name->levels.size() - 1; levels > 0; --levels) {
            if (!isSelectable.emplace(superiorOf(*name, levels), false).second) break;
        }
    }
    // Names that were read from a root that is away by now, or is another one, are not this tree's.
    struct stat listed {
    }, present{};
    const bool isSame = root.isOpen() && ::fstat(root.get(), &listed) == 0 &&
                        ::stat(_settings.root.c_str(), &present) == 0 && listed.st_ino == present.st_ino &&
                        listed.st_dev == present.st_dev;
    if (root.isOpen() && !isSame) throw Error(ErrorKind::Unavailable, "the root was exchanged", _settings.root);
    isSelectable.erase(MailboxName::inbox());
    std::vector<MailboxEntry> entries{{MailboxName::inbox(), true}};
    for (const auto& [name, selectable] : isSelectable) entries.push_back({name, selectable});
    return entries;
}

bool MailTree::exists(const MailboxName& name) const {
    std::string path;
    try {
        path = pathOf(name);
    } catch (const Error&) {
        return false;  // no such name can exist
    }
    struct stat status {};
    if (::stat((path + "/cur").c_str(), &status) == 0) return S_ISDIR(status.st_mode);
    const int number = errno;
    requireRoot();
    if (number == ENOTDIR || number == ELOOP || number == ENAMETOOLONG) return false;
    if (number == EACCES && isDirectory(path)) return true;
    if (number != ENOENT) throw Error::fromErrno("cannot look at", path, number);
    const bool isLink = ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
    if (isLink && !isDirectory(path)) {
        throw Error(ErrorKind::Unavailable, "a symbolic link that leads nowhere: is a file system not mounted?", path);
    }
    try {
        return maildir::hasNewMail(AT_FDCWD, path);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::NoPermission) throw;
        return true;
    }
}

bool MailTree::hasChildren(const MailboxName& name) const {
    const auto entries = list();
    return std::any_of(entries.begin(), entries.end(), [&name](const MailboxEntry& entry) {
        return entry.name != name && isInferiorOrSame(entry.name, name);
    });
}

bool MailTree::hasNewMail(const MailboxName& name) const {
    try {
        return maildir::hasNewMail(AT_FDCWD, pathOf(name));
    } catch (const Error&) {
        return false;
    }
}

void MailTree::createSuperiors(const MailboxName& name) const {
    for (std::size_t levels = 1; levels < name.levels.size(); ++levels) {
        const MailboxName superior = superiorOf(name, levels);
        if (exists(superior)) continue;
        try {
            makeMailbox(pathOf(superior), _settings.layout);
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::AlreadyExists || !exists(superior)) throw;  // another made it just now
        }
    }
}

void MailTree::create(const MailboxName& name) const {
    const std::string path = pathOf(name);
    if (!isThere()) throw Error(ErrorKind::Unavailable, "the mail tree has gone: is the disk mounted?", _settings.root);
    ensureRoot();
    if (exists(name)) throw Error(ErrorKind::AlreadyExists, "the mailbox exists", path);
    createSuperiors(name);
    makeMailbox(path, _settings.layout);
}

bool MailTree::removeLeftovers(const std::function<bool()>& isOver) const {
    const std::string directory = _settings.root + "/tmp";
    for (const std::string& name : listDirectory(directory)) {
        // What can't be removed is out of everybody's sight, and tried again at the next removal.
        if (name.starts_with(deletedPrefix) && !removeInSlices(directory + '/' + name, isOver)) return false;
    }
    return true;
}

void MailTree::remove(const MailboxName& name) const {
    takeOut(name);
    (void)removeLeftovers([] { return false; });
}

void MailTree::takeOut(const MailboxName& name) const {
    if (name.isInbox()) throw Error(ErrorKind::InvalidName, "INBOX cannot be removed");
    const std::string path = pathOf(name);
    if (path == _settings.root || !exists(name)) throw Error(ErrorKind::NotFound, "no such mailbox", path);
    noteUsedUidValidity({path});
    makeDirectoryIfMissing(_settings.root + "/tmp");
    const std::string deleted = _settings.root + "/tmp/" + std::string(deletedPrefix) + uniqueSuffix();
    if (_settings.layout == Layout::MaildirPlusPlus) {
        if (!renameToFree(path, deleted)) {
            requireRoot();
            throw Error(ErrorKind::NotFound, "no such mailbox", path);
        }
    } else {
        moveOutOfTree(path, deleted);
    }
    syncDirectory(parentOf(path));
    syncDirectory(_settings.root + "/tmp");
}

// Layout fs: inferiors, even one that is created this moment, are directories inside this one, so only what belongs to
// the mailbox itself is moved: cur first, which with new is what makes it one.
void MailTree::moveOutOfTree(const std::string& path, const std::string& deleted) const {
    makeDirectory(deleted);
    const bool hadCur = renameToFree(path + "/cur", deleted + "/cur");
    const bool hadNew = renameToFree(path + "/new", deleted + "/new");
    if (!hadCur && !hadNew) throw Error(ErrorKind::NotFound, "no such mailbox", path);
    syncDirectory(path);
    for (const std::string& name : listDirectory(path)) {
        const bool canBeInferior = _mapper->nameOf(name).has_value() && isDirectory(path + '/' + name);
        if (!canBeInferior) renameToFree(path + '/' + name, deleted + '/' + name);
    }
    syncDirectory(deleted);
    ::rmdir(path.c_str());  // stays if there are inferiors
}

// Mailboxes are about to leave their names: what comes to one of these later must not seem to be the same.
void MailTree::noteUsedUidValidity(const std::vector<std::string>& directories) const {
    UidValidity highest;
    for (const std::string& directory : directories) highest = std::max(highest, recordedUidValidity(directory));
    UidValidityFile({_settings.root, _settings.layout}).noteUsed(highest);
}

void MailTree::rename(const MailboxName& from, const MailboxName& to) const {
    const std::string fromPath = pathOf(from);
    const std::string toPath = pathOf(to);
    if (fromPath == _settings.root) throw Error(ErrorKind::InvalidName, "INBOX is not renamed");
    if (toPath == _settings.root || fromPath == toPath || exists(to)) {
        throw Error(ErrorKind::AlreadyExists, "the mailbox exists", toPath);
    }
    if (isInferiorOrSame(to, from))
        throw Error(ErrorKind::InvalidName, "a mailbox cannot become its own inferior", toPath);
    if (!exists(from) && !hasChildren(from)) throw Error(ErrorKind::NotFound, "no such mailbox", fromPath);
    if (_settings.layout == Layout::MaildirPlusPlus) {
        const auto steps = renameSteps(from, to);
        std::vector<std::string> left;
        for (const auto& step : steps) left.push_back(step.first);
        noteUsedUidValidity(left);
        createSuperiors(to);
        renameAll(steps);
        syncDirectory(_settings.root);
    } else {
        std::vector<std::string> left{fromPath};
        for (const std::string& below : directoriesBelow(fromPath, Layout::Fs)) left.push_back(fromPath + '/' + below);
        noteUsedUidValidity(left);
        createSuperiors(to);
        ::rmdir(toPath.c_str());  // an empty directory there is no mailbox, and in the way
        if (!renameToFree(fromPath, toPath)) throw Error(ErrorKind::NotFound, "no such mailbox", fromPath);
        syncDirectory(parentOf(toPath));
        syncDirectory(parentOf(fromPath));
    }
}

// Which directories are renamed to which, inferiors before their superiors: after a crash in between, the mailbox that
// was to be renamed is still there under its old name, so that the same RENAME again does the rest.
std::vector<std::pair<std::string, std::string>> MailTree::renameSteps(const MailboxName& from,
                                                                       const MailboxName& to) const {
    std::map<MailboxName, std::string> directories;
    for (std::string& directory : directoriesBelow(_settings.root, _settings.layout)) {
        auto name = _mapper->nameOf(directory);
        if (name && isInferiorOrSame(*name, from)) directories.emplace(std::move(*name), std::move(directory));
    }
    std::vector<std::pair<std::string, std::string>> steps;
    for (auto entry = directories.rbegin(); entry != directories.rend(); ++entry) {
        MailboxName renamed = to;
        renamed.levels.insert(renamed.levels.end(),
                              entry->first.levels.begin() + static_cast<std::ptrdiff_t>(from.levels.size()),
                              entry->first.levels.end());
        const std::string target = pathOf(renamed);
        struct stat status {};
        if (target == _settings.root || ::lstat(target.c_str(), &status) == 0) {
            throw Error(ErrorKind::AlreadyExists, "the mailbox exists", target);
        }
        steps.emplace_back(_settings.root + '/' + entry->second, target);
    }
    return steps;
}

// All, or none where an error does not also prevent the way back.
void MailTree::renameAll(const std::vector<std::pair<std::string, std::string>>& steps) {
    std::size_t done = 0;
    try {
        for (; done < steps.size(); ++done) {
            // One that went meanwhile was removed by another: no reason not to rename the others.
            renameToFree(steps[done].first, steps[done].second);
        }
    } catch (const Error&) {
        while (done-- > 0) {
            ::renameat2(AT_FDCWD, steps[done].second.c_str(), AT_FDCWD, steps[done].first.c_str(), RENAME_NOREPLACE);
        }
        throw;
    }
}

std::set<MailboxName> MailTree::subscriptions() const {
    requireRoot();
    std::set<MailboxName> names = SubscriptionFile(_settings.root, _mapper).load();
    requireRoot();  // else it may be the file that is missing in another place
    return names;
}

void MailTree::subscribe(const MailboxName& name) const {
    requireRoot();
    SubscriptionFile(_settings.root, _mapper).add(name);
}

void MailTree::unsubscribe(const MailboxName& name) const {
    requireRoot();
    SubscriptionFile(_settings.root, _mapper).remove(name);
}

SpecialUseFile MailTree::specialUses() const {
    requireRoot();
    return {_settings.root, _mapper};
}

}  // namespace maildir
