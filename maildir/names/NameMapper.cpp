#include "maildir/names/NameMapper.h"

#include <algorithm>

#include "maildir/Error.h"
#include "maildir/names/LevelCodec.h"
#include "maildir/names/Unicode.h"

namespace maildir {

namespace {

constexpr std::size_t maxComponentOctets = 255;   // NAME_MAX
constexpr std::size_t maxDirectoryOctets = 2048;  // of PATH_MAX: the rest is for the root and the message's name
constexpr std::size_t maxLevelOctets = 4096;      // longer ones fit in no encoding

char separatorOf(Layout layout) {
    return layout == Layout::MaildirPlusPlus ? '.' : '/';
}

LevelPlace placeOf(std::size_t position, std::size_t levels) {
    if (levels == 1) return LevelPlace::Alone;
    return position == 0 ? LevelPlace::First : LevelPlace::Inner;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

// Directories in the root that Maildir++ readers must not take for a mailbox.
bool isReservedInMaildirPlusPlus(std::string_view directory) {
    return directory == "." || directory == ".." || directory.starts_with("..DOVECOT-TRASHED");
}

// The components of a directory below the root; nothing if no mailbox can be there.
std::optional<std::vector<std::string_view>> componentsOf(std::string_view directory, const LevelCodec& codec,
                                                          Layout layout) {
    if (layout == Layout::MaildirPlusPlus) {
        const bool canBe = directory.starts_with('.') && directory.size() <= maxComponentOctets &&
                           !isReservedInMaildirPlusPlus(directory);
        if (!canBe) return std::nullopt;
        directory.remove_prefix(1);
    }
    if (directory.size() > maxDirectoryOctets) return std::nullopt;
    auto components = split(directory, separatorOf(layout));
    const bool canBe = std::all_of(components.begin(), components.end(),
                                   [&codec](std::string_view component) { return codec.canBeComponent(component); });
    if (!canBe) return std::nullopt;
    return components;
}

Error tooLong(std::size_t octets, const std::string& what) {
    return {ErrorKind::Limit, "The mailbox name is too long: " + what + " has " + std::to_string(octets) +
                                  " octets at most as it is written on disk"};
}

}  // namespace

NameMapper::NameMapper(Layout layout, NameEncoding encoding, char escapeCharacter)
    : _layout(layout), _encoding(encoding), _escapeCharacter(escapeCharacter) {
    const LevelCodec checked(layout, encoding, escapeCharacter);
}

std::string NameMapper::directoryOf(const MailboxName& name) const {
    if (name.levels.empty()) throw Error(ErrorKind::InvalidName, "a mailbox name without levels");
    if (name.levels.size() == 1 && isSpelledInbox(name.levels.front())) return {};

    const LevelCodec codec(_layout, _encoding, _escapeCharacter);
    std::string directory;
    for (std::size_t i = 0; i < name.levels.size(); ++i) {
        const std::string& level = name.levels[i];
        if (level.size() > maxLevelOctets) throw tooLong(maxComponentOctets, "a level of a name");
        const auto component = codec.componentOf(level, placeOf(i, name.levels.size()));
        if (!component) throw Error(ErrorKind::InvalidName, "no mailbox can have this name");
        if (!directory.empty() || _layout == Layout::MaildirPlusPlus) directory += separatorOf(_layout);
        directory += *component;
        const bool isPlusPlus = _layout == Layout::MaildirPlusPlus;
        const std::size_t limit = isPlusPlus ? maxComponentOctets : maxDirectoryOctets;
        if (!isPlusPlus && component->size() > maxComponentOctets)
            throw tooLong(maxComponentOctets, "a level of a name");
        if (directory.size() > limit) throw tooLong(limit, isPlusPlus ? "a name, a dot before each level," : "a name");
    }
    // The promise of one name for one directory is not left to the encodings' care.
    if (nameOf(directory) != name) throw Error(ErrorKind::InvalidName, "no mailbox can have this name", directory);
    return directory;
}

std::optional<MailboxName> NameMapper::nameOf(std::string_view directory) const {
    if (directory.empty()) return MailboxName::inbox();
    const LevelCodec codec(_layout, _encoding, _escapeCharacter);
    const auto components = componentsOf(directory, codec, _layout);
    if (!components) return std::nullopt;
    MailboxName name;
    for (std::size_t i = 0; i < components->size(); ++i) {
        name.levels.push_back(codec.levelOf((*components)[i], placeOf(i, components->size())));
    }
    return name;
}

namespace {

// In the order in which they are preferred when the names do not tell.
constexpr std::size_t encodingCount = 4;
constexpr NameEncoding encodings[encodingCount] = {NameEncoding::ModifiedUtf7, NameEncoding::DovecotUtf7,
                                                   NameEncoding::CourierUtf8, NameEncoding::Utf8};

// A shift that modified UTF-7 would write, or "&-": chance does not write it into a name of another encoding.
bool hasShift(std::string_view component, const LevelCodec& utf7) {
    return component.find('&') != std::string_view::npos && utf7.decodeCanonical(component).has_value();
}

// An octal escape of a character that Courier writes so.
bool hasOctalEscape(std::string_view component, const LevelCodec& courier) {
    return component.find('\\') != std::string_view::npos && courier.decodeCanonical(component).has_value();
}

}  // namespace

EncodingFinding detectEncoding(const std::vector<std::string>& directories, Layout layout) {
    constexpr std::size_t maxWitnesses = 4;
    const LevelCodec codecs[encodingCount] = {
        {layout, encodings[0], 0}, {layout, encodings[1], 0}, {layout, encodings[2], 0}, {layout, encodings[3], 0}};
    std::size_t fits[encodingCount] = {};
    std::size_t decisive = 0;
    std::vector<std::vector<bool>> seenVerdicts;  // one witness for each kind of verdict
    EncodingFinding finding;

    for (const std::string& directory : directories) {
        if (directory.empty()) continue;
        const auto components = componentsOf(directory, codecs[0], layout);
        if (!components) continue;
        std::vector<bool> verdict(encodingCount, true);
        for (const std::string_view component : *components) {
            const bool isUtf7 = hasShift(component, codecs[0]) || hasShift(component, codecs[1]);
            const bool isCourier = hasOctalEscape(component, codecs[2]);
            for (std::size_t i = 0; i < encodingCount; ++i) {
                const bool isExcluded =
                    (isUtf7 && i >= 2) || (!isUtf7 && isCourier && encodings[i] != NameEncoding::CourierUtf8);
                if (isExcluded || !codecs[i].decodeCanonical(component)) verdict[i] = false;
            }
        }
        const auto fitting = std::count(verdict.begin(), verdict.end(), true);
        if (fitting == 0 || fitting == encodingCount) continue;  // it says nothing
        ++decisive;
        for (std::size_t i = 0; i < encodingCount; ++i) fits[i] += verdict[i] ? 1 : 0;
        if (finding.witnesses.size() < maxWitnesses &&
            std::find(seenVerdicts.begin(), seenVerdicts.end(), verdict) == seenVerdicts.end()) {
            seenVerdicts.push_back(verdict);
            finding.witnesses.push_back(directory);
        }
    }
    const auto best = static_cast<std::size_t>(std::max_element(fits, fits + encodingCount) - fits);
    finding.encoding = encodings[best];
    finding.isMixed = fits[best] != decisive;
    return finding;
}

}  // namespace maildir
