#include "imapd/response/Continuations.h"

#include <charconv>
#include <map>
#include <optional>

namespace imapd {

using maildir::Parameters;

namespace {

// A parameter that is a piece of a value: "title*2*" is piece 2 of "title", percent-encoded.
struct Piece {
    std::string name;  // lower case
    std::size_t number = 0;
    bool isEncoded = false;
};

std::optional<Piece> pieceOf(std::string_view parameter) {
    Piece piece;
    piece.isEncoded = parameter.ends_with('*');
    if (piece.isEncoded) parameter.remove_suffix(1);
    const std::size_t star = parameter.rfind('*');
    if (star == std::string_view::npos || star == 0) return std::nullopt;
    const std::string_view digits = parameter.substr(star + 1);
    if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), piece.number);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    for (const char c : parameter.substr(0, star)) {
        piece.name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return piece;
}

// RFC 2231 section 7: attribute-char; the rest of a plain piece is encoded where its whole value is.
void appendEncoded(std::string& value, std::string_view plain) {
    constexpr char digits[] = "0123456789ABCDEF";
    for (const char c : plain) {
        const auto octet = static_cast<unsigned char>(c);
        const bool isSpecial = octet <= 0x20 || octet >= 0x7F ||
                               std::string_view("*'%()<>@,;:\\\"/[]?=").find(c) != std::string_view::npos;
        if (!isSpecial) {
            value += c;
            continue;
        }
        value += '%';
        value += digits[octet >> 4];
        value += digits[octet & 15];
    }
}

class Sequences {
public:
    explicit Sequences(const Parameters& parameters) : _parameters(&parameters) {
        for (std::size_t i = 0; i < parameters.size(); ++i) {
            _pieces.push_back(pieceOf(parameters[i].first));
            if (!_pieces[i]) continue;
            Sequence& sequence = _sequences[_pieces[i]->name];
            sequence.isWhole = sequence.isWhole && sequence.byNumber.emplace(_pieces[i]->number, i).second;
        }
        for (auto& [name, sequence] : _sequences) {
            // Numbers are distinct: the last one tells whether any is missing.
            if (sequence.byNumber.rbegin()->first + 1 != sequence.byNumber.size()) sequence.isWhole = false;
        }
    }

    // The sequence that a parameter is a piece of, if it is whole: then only piece 0 stands for it.
    [[nodiscard]] bool isPartOfWhole(std::size_t index) const {
        return _pieces[index] && _sequences.at(_pieces[index]->name).isWhole;
    }
    [[nodiscard]] bool isFirst(std::size_t index) const { return _pieces[index]->number == 0; }

    [[nodiscard]] std::pair<std::string, std::string> joined(std::size_t first) const {
        const std::string& written = (*_parameters)[first].first;
        const bool isEncoded = _pieces[first]->isEncoded;  // piece 0 has the charset, without which nothing is encoded
        std::string value;
        for (const auto& [number, index] : _sequences.at(_pieces[first]->name).byNumber) {
            const std::string& piece = (*_parameters)[index].second;
            if (isEncoded && !_pieces[index]->isEncoded) {
                appendEncoded(value, piece);
            } else {
                value += piece;
            }
        }
        return {written.substr(0, _pieces[first]->name.size()) + (isEncoded ? "*" : ""), std::move(value)};
    }

private:
    struct Sequence {
        std::map<std::size_t, std::size_t> byNumber;  // to the parameter's index
        bool isWhole = true;
    };
    const Parameters* _parameters;
    std::vector<std::optional<Piece>> _pieces;
    std::map<std::string, Sequence> _sequences;
};

}  // namespace

Parameters withoutContinuations(const Parameters& parameters) {
    const Sequences sequences(parameters);
    Parameters result;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        if (!sequences.isPartOfWhole(i)) {
            result.push_back(parameters[i]);
        } else if (sequences.isFirst(i)) {
            result.push_back(sequences.joined(i));
        }
    }
    return result;
}

}  // namespace imapd
