#pragma once

#include <QString>

#include "core/tokenizer/tokenizer.h"
#include "core/trace/trace.h"

namespace rheo {

/// A token of a prompt among its neighbours, as a person reads it.
struct TokenContext {
    QString before, after;  ///< one line each; what is left out is an ellipsis
    QString token;          ///< spaces visible; empty where the tokens are not known
};

/// `most` characters of the prompt before the token, and a third of that after it. Without a tokenizer, or
/// without the ids of the prompt, `before` is the beginning of its text.
TokenContext tokenContext(const Sample& sample, std::int32_t position, const Tokenizer* tokenizer,
                          int most = 90);
/// "…the end of the text before, [token]": the context without what follows, for a list.
QString tokenInLine(const TokenContext& context);

}  // namespace rheo
