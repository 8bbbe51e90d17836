#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/residual_point.h"
#include "core/compare/compare.h"
#include "core/figure/figure.h"

namespace rheo {

/// Two sources by name, and their points.
struct ComparedPair {
    std::string a, b;
    const std::vector<ResidualPoint>&pointsA, &pointsB;
};

/// What the cells of a CKA map show.
enum class CkaValue {
    Cka,       ///< the value itself
    NullHigh,  ///< what 97.5 % of shuffles do not exceed
    Beyond,    ///< the value where it lies above that, and nothing elsewhere
};

/// CKA of every depth of A (y) with every depth of B (x), and beside it, against the depth of A: of the
/// nearest depth of B, and of the most similar one, over the band of the shuffles. The axes count points.
/// `fit`, where it is not null, adds what a rotation at each depth leaves of A, beside its null.
Figure ckaFigure(const ComparedPair& pair, const CkaResult& cka, const ProcrustesResult* fit, CkaValue value,
                 ColorMap map, const Theme& theme);

/// The curves of one statistic: a panel each, B less A with its interval and a line at zero; single numbers
/// are in the note. Empty `statistic`: the first there is. Throws Error(NotFound), naming those there are.
Figure differenceFigure(const ComparedPair& pair, const DifferenceResult& differences,
                        const std::string& statistic, const Theme& theme);

/// Names of the statistics whose curves there are, in order.
std::vector<std::string> statisticsOf(const DifferenceResult& differences);

/// Figures of one 3D plot each, side by side; with `shared` coordinates the axes of all reach as far as those
/// of any.
Figure sideBySide(const std::vector<Figure>& figures, const std::vector<std::string>& names, bool shared);

/// What the coordinates of paths side by side are, a sentence.
std::string alignmentNote(const Comparison& comparison, const std::vector<std::string>& names);

}  // namespace rheo
