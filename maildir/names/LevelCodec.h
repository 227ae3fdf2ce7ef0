// One level of a mailbox name <-> one component of a directory name, for a layout and an encoding.
//
// A component is canonical when the encoding, applied to what it decodes to, writes just that component. Others (octets
// that are no UTF-8, a malformed shift, a spelling that we would not write, an empty component) are shown as
// "=raw=" and the octets, the unusual ones as '=' and two hex digits. A level that merely looks like that is an
// ordinary name, unless the component it would stand for is one that has to be shown so: thus the mapping stays one
// to one. Beside INBOX, which is the root, a component spelled like it is shown so too: alone in any case, and with
// levels below it in any case but "INBOX", since what clients call inbox/x is INBOX/x (RFC 3501 5.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "maildir/names/NameMapper.h"

namespace maildir {

// Where a level stands in a name.
enum class LevelPlace { Alone, First, Inner };

class LevelCodec {
public:
    // Throws Error(InvalidName) for an escape character that cannot be one.
    LevelCodec(Layout layout, NameEncoding encoding, char escapeCharacter);

    // The component of a level; nothing if there cannot be one.
    [[nodiscard]] std::optional<std::string> componentOf(std::string_view level, LevelPlace place) const;
    // The level of a component that canBeComponent().
    [[nodiscard]] std::string levelOf(std::string_view component, LevelPlace place) const;

    // The component can stand in a mailbox's directory name at all.
    [[nodiscard]] bool canBeComponent(std::string_view component) const;
    // The level that a canonical component stands for; nothing for one that is not canonical.
    [[nodiscard]] std::optional<std::string> decodeCanonical(std::string_view component) const;

private:
    [[nodiscard]] bool standsForItself(std::string_view component) const;
    [[nodiscard]] bool isSpecial(std::string_view level, std::size_t position) const;
    [[nodiscard]] bool usesUtf7() const;
    [[nodiscard]] std::optional<std::string> encode(std::string_view level) const;
    [[nodiscard]] std::optional<std::string> decode(std::string_view component) const;
    [[nodiscard]] std::optional<std::string> ordinaryLevel(std::string_view component, LevelPlace place) const;
    [[nodiscard]] std::optional<std::string> shownRaw(std::string_view level, LevelPlace place) const;

    Layout _layout;
    NameEncoding _encoding;
    char _escapeCharacter;
};

// "INBOX" in any case.
bool isSpelledInbox(std::string_view level);

}  // namespace maildir
