#include "plugins/auth-gssapi/Keytab.h"

#include <krb5/krb5.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

namespace maildock::gssapi {

namespace {

// The library's state for this thread; ends with it what was opened.
class Library {
public:
    Library() {
        if (const krb5_error_code code = krb5_init_context(&_context); code != 0) {
            throw std::runtime_error("Kerberos can't start: " + textOf(code));
        }
    }
    ~Library() {
        if (_keytab != nullptr) krb5_kt_close(_context, _keytab);
        if (_context != nullptr) krb5_free_context(_context);
    }
    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    void open(const std::string& name) {
        expect(name.empty() ? krb5_kt_default(_context, &_keytab) : krb5_kt_resolve(_context, name.c_str(), &_keytab));
    }
    [[nodiscard]] std::string name() {
        std::array<char, 1024> text{};
        expect(krb5_kt_get_name(_context, _keytab, text.data(), text.size()));
        return text.data();
    }
    [[nodiscard]] std::vector<std::string> principals() {
        std::vector<std::string> found;
        krb5_kt_cursor cursor = nullptr;
        expect(krb5_kt_start_seq_get(_context, _keytab, &cursor));
        krb5_keytab_entry entry{};
        krb5_error_code code = 0;
        while ((code = krb5_kt_next_entry(_context, _keytab, &entry, &cursor)) == 0) {
            char* text = nullptr;
            const bool isText = krb5_unparse_name(_context, entry.principal, &text) == 0;
            if (isText && std::find(found.begin(), found.end(), text) == found.end()) found.emplace_back(text);
            if (isText) krb5_free_unparsed_name(_context, text);
            krb5_free_keytab_entry_contents(_context, &entry);
        }
        krb5_kt_end_seq_get(_context, _keytab, &cursor);
        if (code != KRB5_KT_END) expect(code);
        return found;
    }

private:
    void expect(krb5_error_code code) {
        if (code != 0) throw std::runtime_error(textOf(code));
    }
    [[nodiscard]] std::string textOf(krb5_error_code code) {
        const char* const text = krb5_get_error_message(_context, code);
        std::string result = text;
        krb5_free_error_message(_context, text);
        return result;
    }

    krb5_context _context = nullptr;
    krb5_keytab _keytab = nullptr;
};

}  // namespace

Keytab Keytab::read(const std::string& path) {
    Library library;
    library.open(nameOf(path));
    Keytab keytab;
    keytab.name = library.name();
    try {
        keytab.principals = library.principals();
    } catch (const std::runtime_error& error) {
        throw std::runtime_error(keytab.name + ": " + error.what());
    }
    return keytab;
}

}  // namespace maildock::gssapi
