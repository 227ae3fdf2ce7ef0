// Header fields as a search looks at them (RFC 3501 6.4.4): decoded, on one line, a run of blanks as one blank, and
// address lists also as ENVELOPE shows them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace maildir {

// The value of a field: unfolded, encoded-words decoded, without a line end.
std::string fieldText(std::string_view rawValue);

// The value of a field of addresses, and behind it each address as ENVELOPE has it, "name <mailbox@host>", quoting and
// comments removed; a group by its name. These only where the value does not read like that anyway.
std::vector<std::string> addressTexts(std::string_view rawValue);

// Appends the text in the form in which fields are compared: foldCase(), each run of blanks as one blank.
void foldFieldText(std::string_view utf8, std::string& folded);

// Makes one blank of each run of blanks and tabs from the position `from` on.
void joinBlanks(std::string& text, std::size_t from = 0);

}  // namespace maildir
