#include "modules/host/PropertiesFile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <unordered_map>

namespace maildock::host {

namespace {

bool isBlank(char c) {
    return c == ' ' || c == '\t' || c == '\f' || c == '\v';
}

std::string trimmed(const std::string& text) {
    std::size_t begin = 0;
    std::size_t end = text.size();
    while (begin < end && isBlank(text[begin])) ++begin;
    while (end > begin && isBlank(text[end - 1])) --end;
    return text.substr(begin, end - begin);
}

// One pass over the text, counting lines. '\n', '\r\n' and a lone '\r' end a line, as in Poco.
class Reader {
public:
    Reader(std::string_view text, const std::string& name, PropertiesFile& into)
        : _text(text), _name(name), _into(into) {}

    void readAll() {
        if (_text.substr(0, 3) == "\xEF\xBB\xBF") _position = 3;
        while (!atEnd()) {
            if (_into.entries.size() >= PropertiesFile::maxEntries) {
                return complain("", "more than " + std::to_string(PropertiesFile::maxEntries) + " keys");
            }
            readLine();
        }
    }

private:
    [[nodiscard]] bool atEnd() const { return _position >= _text.size(); }
    [[nodiscard]] bool atLineEnd() const { return atEnd() || _text[_position] == '\n' || _text[_position] == '\r'; }

    void endLine() {
        if (atEnd()) return;
        if (_text[_position] == '\r' && _position + 1 < _text.size() && _text[_position + 1] == '\n') ++_position;
        ++_position;
        ++_line;
    }

    void skipToLineEnd() {
        while (!atLineEnd()) ++_position;
    }

    void complain(const std::string& key, const std::string& text) {
        _into.complaints.push_back({Finding::Error, _name, _entryLine, key, text});
    }

    void readLine() {
        _entryLine = _line;
        while (!atLineEnd() && isBlank(_text[_position])) ++_position;
        if (atLineEnd()) return endLine();
        if (_text[_position] == '#' || _text[_position] == '!') {
            skipToLineEnd();
            return endLine();
        }
        std::string key;
        while (!atLineEnd() && _text[_position] != '=' && _text[_position] != ':') key += _text[_position++];
        key = trimmed(key);
        if (atLineEnd()) {
            complain("", "this line has no `=`; a setting is written as key = value");
            return endLine();
        }
        ++_position;
        std::string value = readValue();
        endLine();
        add(std::move(key), std::move(value));
    }

    // Up to the end of the logical line, which is not consumed. Blanks that were escaped count as blanks, as in Poco.
    std::string readValue() {
        std::string value;
        while (!atLineEnd()) {
            const char c = _text[_position];
            if (c == '\\') {
                ++_position;
                readEscaped(value);
            } else if (opensComment()) {
                skipToLineEnd();
            } else {
                value += c;
                ++_position;
            }
        }
        return trimmed(value);
    }

    void readEscaped(std::string& value) {
        if (atEnd()) return;
        if (atLineEnd()) return endLine();
        switch (const char c = _text[_position++]) {
            case 't':
                value += '\t';
                break;
            case 'r':
                value += '\r';
                break;
            case 'n':
                value += '\n';
                break;
            case 'f':
                value += '\f';
                break;
            default:
                value += c;
        }
    }

    [[nodiscard]] bool opensComment() const {
        if (_text[_position] != '#' || !isBlank(_text[_position - 1])) return false;
        const std::size_t next = _position + 1;
        return next >= _text.size() || isBlank(_text[next]) || _text[next] == '\n' || _text[next] == '\r';
    }

    void add(std::string key, std::string value) {
        if (key.empty()) return complain("", "this line has no key before the `=`");
        if (key.size() > PropertiesFile::maxKeyOctets) return complain("", "the key is too long");
        for (const char c : key) {
            if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
                return complain("", "the key holds a control character");
            }
        }
        if (value.size() > PropertiesFile::maxValueOctets) return complain(key, "the value is too long");
        if (value.find('\0') != std::string::npos) return complain(key, "the value holds a NUL");
        const auto [first, isNew] = _lines.emplace(key, _entryLine);
        if (!isNew) {
            return complain(key, "`" + key + "` is set twice, in line " + std::to_string(first->second) +
                                     " and in line " + std::to_string(_entryLine));
        }
        _into.entries.push_back({std::move(key), std::move(value), _name, _entryLine});
    }

    std::string_view _text;
    const std::string& _name;
    PropertiesFile& _into;
    std::size_t _position = 0;
    unsigned _line = 1;
    unsigned _entryLine = 1;
    std::unordered_map<std::string, unsigned> _lines;
};

PropertiesFile refused(const std::string& path, const std::string& text) {
    PropertiesFile file;
    file.isReadable = false;
    file.complaints.push_back({Finding::Error, path, 0, "", text});
    return file;
}

}  // namespace

PropertiesFile PropertiesFile::read(const std::string& path) {
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) return refused(path, "can't be read: " + std::generic_category().message(errno));
    struct stat status {};
    std::string text;
    std::string fault;
    if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        fault = "is not a regular file";
    } else {
        text.resize(maxFileOctets + 1);
        std::size_t filled = 0;
        while (filled < text.size()) {
            const ssize_t got = ::read(descriptor, text.data() + filled, text.size() - filled);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) fault = "can't be read: " + std::generic_category().message(errno);
            if (got <= 0) break;
            filled += static_cast<std::size_t>(got);
        }
        text.resize(filled);
    }
    ::close(descriptor);
    if (!fault.empty()) return refused(path, fault);
    if (text.size() > maxFileOctets) return refused(path, "is larger than 1 MB");
    return parse(text, path);
}

PropertiesFile PropertiesFile::parse(std::string_view text, const std::string& name) {
    PropertiesFile file;
    Reader(text, name, file).readAll();
    return file;
}

}  // namespace maildock::host
