#include "imapd/session/UserMail.h"

#include <algorithm>
#include <array>

#include "maildir/names/NameMapper.h"
#include "maildir/names/Unicode.h"

namespace imapd {

using maildir::Error;
using maildir::ErrorKind;
using maildir::MailboxName;

namespace {

constexpr std::array<std::string_view, 5> specialUseAttributes = {"\\Drafts", "\\Sent", "\\Trash", "\\Junk",
                                                                  "\\Archive"};

bool equalsIgnoringCase(std::string_view left, std::string_view right) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [lower](char a, char b) { return lower(a) == lower(b); });
}

std::vector<std::string_view> split(std::string_view text, char delimiter) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(delimiter);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

// "inbox/x" lies below INBOX, however it is spelled.
MailboxName withInbox(MailboxName name) {
    if (!name.levels.empty() && equalsIgnoringCase(name.levels.front(), "INBOX")) name.levels.front() = "INBOX";
    return name;
}

bool isAscii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

UserMail::UserMail(maildir::TreeSettings settings, std::shared_ptr<const Policy> policy, maildir::MailStore& store,
                   const WireFeatures& features)
    : _tree(std::move(settings)), _policy(std::move(policy)), _store(&store), _features(&features) {}

bool UserMail::prepare() {
    _store->requireRoot(_tree.settings().root);
    const bool isNew = _tree.ensureRoot();
    createFolders();
    return isNew;
}

void UserMail::createFolders() {
    const bool areWanted = std::any_of(_policy->specialUses.begin(), _policy->specialUses.end(),
                                       [](const Policy::SpecialUse& use) { return use.autocreate; });
    if (!areWanted) return;
    const maildir::SpecialUseFile file = _tree.specialUses();
    Recorded recorded;
    try {
        recorded = file.load();
    } catch (const Error&) {
        return;  // a role is not worth a log-in; whoever lists the mailboxes is told
    }
    for (const Policy::SpecialUse& use : _policy->specialUses) {
        if (!use.autocreate || holderOf(use.attribute, recorded, clientNames())) continue;
        const MailboxName name = configuredName(use.mailbox);
        try {
            _tree.subscribe(name);
            _tree.create(name);
        } catch (const Error& error) {
            // Another session was first; or has a lock, so that it is made at the next sign-in.
            const bool isLeftOut = error.kind() == ErrorKind::AlreadyExists || error.kind() == ErrorKind::WouldWait ||
                                   error.kind() == ErrorKind::Busy;
            if (!isLeftOut) throw;
        }
    }
}

std::string_view UserMail::withoutPrefix(std::string_view wireName) const {
    if (!prefix().empty() && wireName.size() > prefix().size() &&
        equalsIgnoringCase(wireName.substr(0, prefix().size()), prefix())) {
        wireName.remove_prefix(prefix().size());
    }
    // One delimiter at the end says that inferiors will be created (RFC 3501 6.3.3).
    if (wireName.size() > 1 && wireName.back() == delimiter()) wireName.remove_suffix(1);
    return wireName;
}

MailboxName UserMail::nameOf(std::string_view wireName) const {
    const std::string_view rest = withoutPrefix(wireName);
    if (rest.empty()) throw Error(ErrorKind::InvalidName, "The mailbox name is empty");
    if (equalsIgnoringCase(rest, "INBOX")) return MailboxName::inbox();
    const std::vector<std::string_view> levels = split(rest, delimiter());
    for (const std::string_view level : levels) {
        if (level.empty()) throw Error(ErrorKind::InvalidName, "The mailbox name has an empty level");
    }
    MailboxName name;
    if (_features->utf8) {
        name = meantName(levels);
    } else {
        if (!isAscii(rest)) {
            throw Error(ErrorKind::InvalidName, "The mailbox name has 8-bit octets: use modified UTF-7");
        }
        for (const std::string_view level : levels) {
            std::optional<std::string> decoded = maildir::modifiedUtf7ToUtf8(level);
            if (!decoded)
                throw Error(ErrorKind::InvalidName, "The mailbox name has a malformed shift of modified UTF-7");
            name.levels.push_back(std::move(*decoded));
        }
    }
    name = withInbox(std::move(name));
    (void)_tree.mapper().directoryOf(name);  // throws where no such mailbox can be
    return name;
}

bool UserMail::isThere(const MailboxName& name) const {
    return _tree.exists(name) || _tree.hasChildren(name);
}

// What a client with UTF-8 enabled means by these levels: what is written there, unless only what it would be in
// modified UTF-7 exists, wholly or as the levels above.
MailboxName UserMail::meantName(const std::vector<std::string_view>& levels) const {
    MailboxName plain, decoded;
    for (const std::string_view level : levels) {
        plain.levels.emplace_back(level);
        std::optional<std::string> shifted = isAscii(level) ? maildir::modifiedUtf7ToUtf8(level) : std::nullopt;
        decoded.levels.push_back(shifted ? std::move(*shifted) : std::string(level));
    }
    if (decoded == plain || isThere(withInbox(plain))) return plain;
    while (!decoded.levels.empty() && !isThere(withInbox(decoded))) decoded.levels.pop_back();
    for (std::size_t level = decoded.levels.size(); level < plain.levels.size(); ++level) {
        decoded.levels.push_back(plain.levels[level]);
    }
    return decoded;
}

MailboxName UserMail::existingNameOf(std::string_view wireName) const {
    MailboxName name = nameOf(wireName);
    const bool mayBeDenormal = _features->utf8 && !isAscii(wireName);
    if ((!mayBeDenormal && nameRules().areExact()) || isThere(name)) return name;
    if (mayBeDenormal) {
        MailboxName normal;
        for (const std::string& level : name.levels) normal.levels.push_back(maildir::toNfc(level).value_or(level));
        if (normal != name && isThere(normal)) return normal;
    }
    return clientNames().meant(name).value_or(name);
}

ClientNames::Rules UserMail::nameRules() const {
    return {_policy->caseSensitiveNames, _policy->cutsLongNames ? _policy->maxNameLength : 0};
}

ClientNames UserMail::clientNames() const {
    if (nameRules().areExact()) return {};
    return {_tree.list(), nameRules()};
}

std::optional<MailboxName> UserMail::meantBy(const MailboxName& name) const {
    if (isThere(name)) return name;
    return clientNames().meant(name);
}

bool UserMail::isSameName(const MailboxName& left, const MailboxName& right) const {
    if (_policy->caseSensitiveNames || left.levels.size() != right.levels.size()) return left == right;
    return std::equal(left.levels.begin(), left.levels.end(), right.levels.begin(),
                      [](const auto& a, const auto& b) { return maildir::caseFolded(a) == maildir::caseFolded(b); });
}

// In modified UTF-7 what is shifted is folded as what it stands for: base64 has a case of its own.
std::string UserMail::comparable(std::string_view wireName) const {
    if (_policy->caseSensitiveNames) return std::string(wireName);
    if (_features->utf8) return maildir::caseFolded(wireName);
    std::string folded;
    while (!wireName.empty()) {
        const std::size_t shift = wireName.find('&');
        folded += maildir::caseFolded(wireName.substr(0, shift));
        if (shift == std::string_view::npos) break;
        const std::size_t end = wireName.find('-', shift);
        const std::string_view shifted = wireName.substr(shift, end == std::string_view::npos ? end : end - shift + 1);
        const std::optional<std::string> plain = maildir::modifiedUtf7ToUtf8(shifted);
        folded += plain ? maildir::utf8ToModifiedUtf7(maildir::caseFolded(*plain)).value_or(std::string(shifted))
                        : std::string(shifted);
        wireName.remove_prefix(shift + shifted.size());
    }
    return folded;
}

// The levels above that exist under another name are meant by it.
MailboxName UserMail::belowExisting(MailboxName name) const {
    if (nameRules().areExact()) return name;
    const ClientNames names = clientNames();
    for (std::size_t levels = name.levels.size(); levels > 0; --levels) {
        const auto end = name.levels.begin() + static_cast<std::ptrdiff_t>(levels);
        const MailboxName known{{name.levels.begin(), end}};
        if (isThere(known)) return name;
        if (names.isAmbiguous(known)) {
            throw Error(ErrorKind::InvalidName, "The name could mean several mailboxes: spell it exactly");
        }
        if (levels == name.levels.size()) continue;  // the caller's to look for
        if (const auto meant = names.meant(known)) {
            MailboxName result = *meant;
            result.levels.insert(result.levels.end(), end, name.levels.end());
            return result;
        }
    }
    return name;
}

MailboxName UserMail::newNameOf(std::string_view wireName) const {
    MailboxName name = belowExisting(nameOf(wireName));
    const bool isUtf8 = _features->utf8 && !isAscii(wireName);
    MailboxName superior;
    for (std::string& level : name.levels) {
        superior.levels.push_back(level);
        if (isUtf8 && !isThere(superior)) superior.levels.back() = level = maildir::toNfc(level).value_or(level);
        if (maildir::hasControl(level) && !isThere(superior)) {
            throw Error(ErrorKind::InvalidName, "A mailbox name cannot have control characters");
        }
    }
    return name;
}

MailboxName UserMail::resolvedNameOf(std::string_view wireName) const {
    MailboxName name = existingNameOf(wireName);
    if (name.isInbox()) return name;
    for (const Policy::SpecialUse& use : _policy->specialUses) {
        const bool isAlias = std::any_of(use.aliases.begin(), use.aliases.end(),
                                         [&](const auto& alias) { return isSameName(configuredName(alias), name); }) ||
                             isSameName(configuredName(use.mailbox), name);
        if (!isAlias || _tree.exists(name)) continue;
        if (auto holder = holderOf(use.attribute)) return *holder;
    }
    return name;
}

std::string UserMail::wireNameOf(const MailboxName& name) const {
    if (name.isInbox()) return "INBOX";
    std::string wire = prefix();
    for (std::size_t i = 0; i < name.levels.size(); ++i) {
        if (i > 0) wire += delimiter();
        std::string level =
            _features->utf8 ? name.levels[i] : maildir::utf8ToModifiedUtf7(name.levels[i]).value_or(name.levels[i]);
        for (std::size_t at = level.find(delimiter()); at != std::string::npos; at = level.find(delimiter(), at)) {
            const std::string shifted = delimiter() == '.' ? "&AC4-" : "&AC8-";
            level.replace(at, 1, shifted);
            at += shifted.size();
        }
        wire += level;
    }
    return wire;
}

std::shared_ptr<maildir::Mailbox> UserMail::open(std::string_view wireName) const {
    return open(resolvedNameOf(wireName));
}

std::shared_ptr<maildir::Mailbox> UserMail::open(const MailboxName& name) const {
    return _store->open(_tree.pathOf(name), maildir::TreePlace{_tree.settings().root, _tree.settings().layout});
}

bool UserMail::hasChildren(const MailboxName& name) const {
    const bool isAboveAll =
        name.isInbox() && equalsIgnoringCase(prefix().substr(0, prefix().find(delimiter())), "INBOX");
    return isAboveAll ? _tree.list().size() > 1 : _tree.hasChildren(name);
}

void UserMail::forget(const MailboxName& name) const {
    _store->forget(_tree.pathOf(name));
}

MailboxName UserMail::configuredName(const std::string& text) const {
    MailboxName name;
    for (const std::string_view level : split(text, '/')) name.levels.emplace_back(level);
    return name;
}

std::optional<MailboxName> UserMail::holderOf(const std::string& attribute) const {
    return holderOf(attribute, _tree.specialUses().load(), clientNames());
}

std::optional<MailboxName> UserMail::selectable(const MailboxName& name, const ClientNames& names) const {
    if (_tree.exists(name)) return name;
    std::optional<MailboxName> meant = names.meant(name);
    if (meant && !_tree.exists(*meant)) meant.reset();
    return meant;
}

std::optional<MailboxName> UserMail::holderOf(const std::string& attribute, const Recorded& recorded,
                                              const ClientNames& names) const {
    for (const auto& [recordedAttribute, name] : recorded) {
        if (equalsIgnoringCase(recordedAttribute, attribute) && _tree.exists(name)) return name;
    }
    for (const Policy::SpecialUse& use : _policy->specialUses) {
        if (use.attribute != attribute) continue;
        if (auto holder = selectable(configuredName(use.mailbox), names)) return holder;
        for (const std::string& alias : use.aliases) {
            if (auto holder = selectable(configuredName(alias), names)) return holder;
        }
    }
    return std::nullopt;
}

std::optional<std::string> UserMail::knownSpecialUse(std::string_view attribute) {
    const auto known = std::find_if(specialUseAttributes.begin(), specialUseAttributes.end(),
                                    [&](std::string_view each) { return equalsIgnoringCase(each, attribute); });
    if (known == specialUseAttributes.end()) return std::nullopt;
    return std::string(*known);
}

UserMail::SpecialUses UserMail::specialUses() const {
    const Recorded recorded = _tree.specialUses().load();
    const ClientNames names = clientNames();
    SpecialUses uses;
    for (const std::string_view attribute : specialUseAttributes) {
        if (auto holder = holderOf(std::string(attribute), recorded, names)) uses[*holder].emplace_back(attribute);
    }
    return uses;
}

}  // namespace imapd
