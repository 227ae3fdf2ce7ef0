// Header fields without 8-bit octets and NULs, for whoever may not be sent them: text as encoded-words (RFC 2047), the
// parameters of Content-Type and Content-Disposition by RFC 2231. What a reader sees stays the same: octets that are no
// UTF-8 are read in the charset that the message declares elsewhere, or else as windows-1252, as in SEARCH. Fields
// without such octets stay as they are, to the octet.
//
// An address whose local part or domain is not ASCII cannot be written in another way. As RFC 6858 2.1 has it, its text
// becomes a display name, and the address one that cannot be written to (RFC 2606 2).
#pragma once

#include <string>
#include <string_view>

#include "maildir/message/Header.h"

namespace maildir {

// Octets that go out neither in a header nor in a body: above 127, and NUL.
bool hasForbidden(std::string_view octets);

// UTF-8 of header text whose octets may be of any charset. charset: what to read it in where it is no UTF-8; empty, or
// where that fails: windows-1252. NUL becomes U+FFFD, as in ENVELOPE.
std::string headerTextToUtf8(std::string_view octets, const std::string& charset);

// A charset that raw 8-bit header text may be in: known, an extension of ASCII, and not UTF-8.
bool mayBeOfHeaderText(const std::string& charset);

// The fields of one header, in order.
class SevenBitHeader {
public:
    // What is changed apart from octets; empty: nothing.
    struct Changes {
        std::string transferEncoding;        // is the Content-Transfer-Encoding from now on
        bool needsTransferEncoding = false;  // even if there was none
        bool isMessage = false;  // where a Content-Transfer-Encoding is added, MIME-Version must be there too
        std::string type;        // "application/octet-stream": replaces Content-Type, parameters and all
        std::string boundary;    // replaces the parameter of Content-Type
    };

    SevenBitHeader(Changes changes, std::string charset);

    // One field with its folds and its line end (LF or CRLF), as headerFields() gives them: appended with CRLF.
    void field(std::string_view raw, std::string& out);
    // After the last field, before the empty line.
    void finish(std::string& out);

private:
    void noField(std::string_view raw, std::string& out) const;
    void parameterField(const HeaderField& field, bool isType, std::string& out);

    Changes _changes;
    std::string _charset;
    bool _hasMimeVersion = false, _hasTransferEncoding = false, _hasType = false;
};

}  // namespace maildir
