#include "modules/host/Suggestion.h"

#include <Poco/String.h>

#include <algorithm>

namespace maildock::host {

std::size_t editDistance(const std::string& left, const std::string& right) {
    const std::string a = Poco::toLower(left);
    const std::string b = Poco::toLower(right);
    std::vector<std::size_t> beforeLast(b.size() + 1);
    std::vector<std::size_t> last(b.size() + 1);
    std::vector<std::size_t> current(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        current[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                current[j] = std::min(current[j], beforeLast[j - 2] + 1);
            }
        }
        std::swap(beforeLast, last);
        std::swap(last, current);
    }
    return last[b.size()];
}

namespace {

std::optional<std::string> nearestOf(const std::string& unknown, const std::vector<std::string>& candidates) {
    std::optional<std::string> nearest;
    std::size_t nearestDistance = 0;
    for (const std::string& candidate : candidates) {
        const std::size_t allowed = std::clamp<std::size_t>(candidate.size() / 4, 2, 5);
        const std::size_t lengths =
            std::max(candidate.size(), unknown.size()) - std::min(candidate.size(), unknown.size());
        if (lengths > allowed) continue;
        const std::size_t distance = editDistance(unknown, candidate);
        if (distance == 0 && candidate == unknown) continue;
        if (distance <= allowed && (!nearest || distance < nearestDistance)) {
            nearest = candidate;
            nearestDistance = distance;
        }
    }
    return nearest;
}

}  // namespace

std::optional<std::string> nearestKey(const std::string& unknown, const std::vector<KeySpec>& specs) {
    std::vector<std::string> candidates;
    for (const KeySpec& spec : specs) {
        std::string candidate = spec.name;
        if (candidate.ends_with(".*")) {
            const std::size_t dot = unknown.rfind('.');
            if (dot == std::string::npos) continue;
            candidate.replace(candidate.size() - 2, 2, unknown.substr(dot));
        }
        candidates.push_back(std::move(candidate));
    }
    return nearestOf(unknown, candidates);
}

std::optional<std::string> nearestName(const std::string& unknown, const std::vector<std::string>& names) {
    if (auto nearest = nearestOf(unknown, names)) return nearest;
    const std::string wanted = Poco::toLower(unknown);
    constexpr std::size_t shortest = 3;  // letters that say something
    for (const std::string& name : names) {
        if (name.size() < shortest || wanted.size() < shortest) continue;
        if (wanted.find(name) != std::string::npos || name.find(wanted) != std::string::npos) return name;
    }
    return std::nullopt;
}

}  // namespace maildock::host
