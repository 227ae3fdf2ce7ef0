// The highest UIDVALIDITY that was given in a tree: the file `dovecot-uidvalidity` in its root, eight hexadecimal
// digits, and beside it an empty file whose name has the same digits behind a dot, as Dovecot keeps them. Dovecot goes
// on by renaming the latter to the next number, of which only one process can be the one; so do we, since it may run
// beside us, and take `dovecot-uidvalidity.lock` as well, so that our own processes do not race.
//
// A mailbox that is deleted and made again, by whatever process, after whatever restart, and though the clock was set
// back, never has a UIDVALIDITY again that it had before (RFC 3501 2.3.1.1).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "maildir/DotLock.h"
#include "maildir/Types.h"
#include "maildir/names/NameMapper.h"

namespace maildir {

// Where a mailbox's tree is.
struct TreePlace {
    std::string root;
    Layout layout = Layout::MaildirPlusPlus;
};

// What a mailbox's directory says its UIDVALIDITY is, in Dovecot's list or Courier's; 0: nothing that can be read.
UidValidity recordedUidValidity(const std::string& mailboxDirectory);

class UidValidityFile {
public:
    // now: seconds since the epoch.
    explicit UidValidityFile(TreePlace place, std::function<std::int64_t()> now = presentTime);
    static std::int64_t presentTime();

    // One that no mailbox of the tree had before: above the present time and all that was given, and above this one.
    // Durable on return, unless the root can't be written to (rights, a full disk): then it is above all that this
    // process gave and the tree has. Throws Busy, WouldWait, Io.
    // A process that wants more than one a second reserves some: the file is written once for all of them, and those
    // that are not used are lost.
    [[nodiscard]] UidValidity next(UidValidity above = {}) const;

    // A mailbox with this one leaves its name: no new one of the name may get it again. Throws as next().
    void noteUsed(UidValidity used) const;

private:
    // Files with numbers behind their names, ascending.
    [[nodiscard]] std::vector<std::uint32_t> twins() const;
    [[nodiscard]] std::optional<std::uint32_t> written() const;
    [[nodiscard]] std::uint32_t highestInTree() const;
    // False: another program has renamed the file of these numbers meanwhile.
    [[nodiscard]] bool advanceTo(DotLock& lock, std::uint32_t value, const std::vector<std::uint32_t>& twins) const;
    [[nodiscard]] Error busy() const;
    [[nodiscard]] std::string twinPath(std::uint32_t value) const;
    [[nodiscard]] std::uint32_t following(std::uint32_t last) const;
    // The next of the numbers above this one that this process has reserved, if no other one was given by anybody
    // meanwhile.
    [[nodiscard]] std::optional<UidValidity> takeReserved(std::uint32_t above) const;
    [[nodiscard]] std::uint32_t reserveSize(std::uint32_t first) const;
    void keepReserve(std::uint32_t next, std::uint32_t last) const;

    const TreePlace _place;
    const std::string _path;
    const std::function<std::int64_t()> _now;
};

}  // namespace maildir
