#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/array.h"
#include "core/base/residual_point.h"

namespace rheo {

/// Which tokens of a sequence an edit changes.
struct EditTokens {
    enum class Kind {
        Last,       ///< the prompt's last token
        All,        ///< every token, those that are generated included
        Range,      ///< first .. end - 1
        From,       ///< from `first` on, those that are generated included
        List,       ///< `positions`
        Generated,  ///< those that follow the prompt
    };
    Kind kind = Kind::Last;
    std::int64_t first = 0, end = 0;
    std::vector<std::int32_t> positions;  ///< from 0

    friend bool operator==(const EditTokens&, const EditTokens&) = default;
};

/// "last", "all", "generated", "3:", "3:7", "1,2".
std::string editTokensText(const EditTokens& tokens);
/// The inverse. Throws Error(InvalidArgument) naming what is not understood.
EditTokens parseEditTokens(std::string_view text);

/// What a strength of 1 is.
enum class StrengthUnit {
    Absolute,  ///< the vector as it is
    Rms,       ///< the vector with the RMS norm of the rows at the point (rmsNormAt)
};
/// "absolute", "rms".
std::string_view strengthUnitName(StrengthUnit unit);

/// One operation on the states of some tokens at one residual point.
struct Edit {
    std::string name;  ///< for people; may be empty
    bool on = true;    ///< false: kept, and not applied
    ResidualPoint point;
    EditTokens tokens;
    std::string operation = "add";  ///< of core/model/edit_table.h
    VectorF vector;                 ///< [unit]; empty where the operation needs none
    double strength = 1;
    StrengthUnit unit = StrengthUnit::Absolute;
};

/// A change of a forward pass: edits, applied from first to last where several are at one point. Plain data;
/// combined by joining lists.
struct Intervention {
    std::string name;
    std::vector<Edit> edits;
};

}  // namespace rheo
