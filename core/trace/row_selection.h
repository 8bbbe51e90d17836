#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/trace/trace.h"

namespace rheo {

/// Which rows of a trace are used: all conditions must hold.
struct RowSelection {
    enum class Field { Position, Sample, Group, Token };
    enum class Comparison { Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual };
    struct Condition {
        Field field;
        Comparison comparison;
        std::int64_t number = 0;  ///< Position (from 0, BOS included) and Sample
        std::string text = {};    ///< Group and Token
    };
    std::vector<Condition> conditions;
    std::string source;  ///< as it was written; empty: all rows

    bool usesTokens() const;
};

/// The text of a token: what it contributes to a text, a leading space included.
using TokenText = std::function<std::string(std::int32_t id)>;

/// `position>=1`, `sample<500`, `group=code`, `token=" Paris"`, joined by commas. Numbers take = != < <= >
/// >=, texts = and !=; a text may stand in double quotes, in which \" \\ \n \t are as in JSON, and must if it
/// holds a comma. An empty string selects all rows. Throws Error(InvalidArgument) that quotes what is wrong
/// and lists the fields.
RowSelection parseSelection(const std::string& text);

/// The rows of a trace that are selected, ascending; all of them for an empty selection. `textOf` may be
/// empty unless usesTokens(). Throws Error(InvalidArgument) where none is, or where a condition asks for what
/// the trace does not say: groups, token ids, or (`textOf` empty) the texts of tokens.
std::vector<std::int64_t> selectedRows(const TraceInfo& info, const RowSelection& selection,
                                       const TokenText& textOf);

}  // namespace rheo
