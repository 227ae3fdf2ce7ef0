// A mailbox with a cache file that one process wrote and another opens.
#pragma once

#include <functional>

#include "MaildirFixture.h"

namespace maildir::test {

// All that a client could ask for of every message.
inline std::string everything(Mailbox& mailbox) {
    std::string text;
    const auto snapshot = mailbox.snapshot();
    for (std::size_t number = 0; number < snapshot->size(); ++number) {
        const RecordRef record = snapshot->at(number);
        text += std::to_string(record->uid.value) + " " + std::string(record.baseName()) + " ";
        text += std::to_string(record->flags.bits()) + " " + record->keywords.to_string().substr(90) + " ";
        text += std::to_string(mailbox.structure(record->uid)->wireOctets) + " ";
        text += std::to_string(mailbox.internalDate(record->uid)) + " ";
        text += readAll(mailbox.open(record->uid)).substr(0, 20) + "\n";
    }
    return text;
}

class StoredFixture : public CppUnit::TestFixture {
protected:
    static constexpr int many = 1300;  // three chunks

    TemporaryDirectory _directory;
    Maildir _maildir{_directory.path + "/box"};
    const std::string _cache = _directory.path + "/cache";

    void fill(int messages) {
        for (int number = 1; number <= messages; ++number) {
            const std::string content =
                "Subject: message " + std::to_string(number) + "\n\n" + std::string(20, 'x') + "\n";
            _maildir.put(std::to_string(1600000000 + number) + ".M1P1.host:2," + (number % 3 == 0 ? "S" : ""), content);
        }
        _maildir.age();
    }
    [[nodiscard]] Process process(bool useInotify = true) const { return Process(useInotify, _cache); }
    // What a process saw and saved, having looked at everything.
    std::string filled(int messages = many) {
        fill(messages);
        const Process first = process();
        const auto mailbox = first.open(_maildir.path);
        mailbox->refresh();
        std::string seen = everything(*mailbox);
        usleep(120'000);
        mailbox->save(true);
        return seen;
    }
    [[nodiscard]] std::string file() const {
        std::string found;
        for (const auto& each : std::filesystem::recursive_directory_iterator(_cache)) {
            if (each.path().extension() == ".mailbox") found = each.path();
        }
        CPPUNIT_ASSERT(!found.empty());
        return found;
    }
    // Opens it in a process that knows nothing but the cache; gives how often directories were listed.
    std::uint64_t reopen(const std::function<void(Mailbox&)>& look, bool useInotify = true) {
        const Process other = process(useInotify);
        const auto mailbox = other.open(_maildir.path);
        mailbox->refresh();
        look(*mailbox);
        return mailbox->listingCount();
    }
};

}  // namespace maildir::test
