#pragma once

#include <string_view>

#include "core/base/error.h"
#include "core/tokenizer/tokenizer.h"
#include "tests/fuzz/expect.h"

/// What holds of every tokenizer that was read: ids are tokens, and decode to UTF-8.
inline void checkTokenizer(const rheo::Tokenizer& tokenizer, std::string_view text, bool addSpecial) {
    using rheo::firstInvalidUtf8;
    const auto ids = tokenizer.encode(text, addSpecial);
    expect(tokenizer.encode(text, addSpecial) == ids, "encoding twice gives two results");
    for (const auto id : ids) expect(id >= 0 && id < tokenizer.size(), "an id is out of range");
    for (const bool keepSpecial : {false, true})
        expect(!firstInvalidUtf8(tokenizer.decode(ids, keepSpecial)), "decoded text is not UTF-8");
    for (const auto id : ids) {
        expect(!firstInvalidUtf8(tokenizer.piece(id)), "a piece is not UTF-8");
        expect(!firstInvalidUtf8(tokenizer.pieceText(id)), "a shown piece is not UTF-8");
    }
}

/// A message for a person: UTF-8, and not the whole file.
inline void checkMessage(const rheo::Error& error) {
    expect(!rheo::firstInvalidUtf8(error.what()), "a message is not UTF-8");
    expect(std::string_view(error.what()).size() < 2000, "a message is too long");
}
