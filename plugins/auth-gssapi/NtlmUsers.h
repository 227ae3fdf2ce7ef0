// The users of the mechanism NTLM, in a file as gss-ntlmssp reads it: lines DOMAIN:USER:PASSWORD, or those of
// smbpasswd, NAME:UID:LM:NT:FLAGS:TIME with NAME perhaps DOMAIN\NAME. Holds passwords as long as it lives, and wipes
// them then.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace maildock::gssapi {

struct NtlmUser {
    std::string name, domain;   // as they are spelled in the file; the domain is empty where any is right
    std::string_view password;  // UTF-8; or
    std::string_view hash;      // the NT hash in 32 hexadecimal digits
    bool isDisabled = false;    // D in smbpasswd's flags
};

class NtlmUsers {
public:
    // Read anew each time, since the file may have changed. Throws std::runtime_error with a text for the admin.
    static NtlmUsers read(const std::string& path);
    explicit NtlmUsers(std::string text, bool isOpenToAll = false);
    ~NtlmUsers();
    NtlmUsers(const NtlmUsers&) = delete;
    NtlmUsers& operator=(const NtlmUsers&) = delete;

    // The users of that name, case aside (ASCII): more than one, and it names nobody. This object's.
    [[nodiscard]] std::vector<const NtlmUser*> find(const std::string& name) const;

    [[nodiscard]] std::size_t size() const { return _users.size(); }
    // Names that stand more than once, each once, in lower case.
    [[nodiscard]] std::vector<std::string> twins() const;
    // Numbers of lines that name nobody whom we take.
    [[nodiscard]] const std::vector<std::size_t>& uselessLines() const { return _uselessLines; }
    // Every user of the machine can read the file.
    [[nodiscard]] bool isOpenToAll() const { return _isOpenToAll; }

private:
    std::string _text;
    std::vector<NtlmUser> _users;  // in the order of the file; parts of _text
    std::vector<std::size_t> _uselessLines;
    const bool _isOpenToAll;
};

}  // namespace maildock::gssapi
