#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/final_norm.h"
#include "core/session/analysis_run.h"
#include "core/session/analysis_view.h"
#include "core/session/forecast.h"

namespace rheo {

/// The names of the statistics that are computed with the model of the trace, and have no row in the table.
constexpr const char* lensName = "lens";
constexpr const char* jacobianName = "jacobian";

/// The options of all statistics, with their defaults.
StatisticOptions defaultStatisticOptions();

/// An analysis as a person asks for it, in the words of `rheo analyze`: what a form shows, a command line
/// says, and settings keep. A plain value; nothing is checked before requestOf(), makeViewOf() or
/// problemsOf().
struct AnalysisChoice {
    std::vector<std::string> statistics = {};              ///< by name: "motion", or "lens"
    StatisticOptions options = defaultStatisticOptions();  ///< of every statistic, chosen or not
    std::vector<std::string> nulls = {};                   ///< by name: "sign_flip", or "untrained"
    int repeats = 200;                                     ///< surrogates of each null, 1 or more
    int untrainedRepeats = 1;                              ///< networks of the null untrained
    std::uint64_t seed = 0;                                ///< of everything random
    std::string scaling = "raw";                           ///< raw, rms or final_norm
    std::string points = "all";                            ///< as parsePoints
    std::string select = {};                               ///< as parseSelection
    std::string maskUnits = {};                            ///< as parseUnitMask
    int top = LensOptions{}.top;                           ///< likeliest tokens kept by the lens
    int jacobianRows = JacobianOptions{}.rows;             ///< that derivatives are taken about
    bool jacobianAlone = false;                            ///< each row as a lone token
    int threads = 0;                                       ///< 0: one for each core
    std::size_t memoryBytes = std::size_t{1} << 30;        ///< what may be held beside the results
};

/// A statistic that can be chosen: the rows of the table, then the lens and the derivatives.
struct ChoosableStatistic {
    std::string_view name, title, shows;
    CostClass cost = CostClass::Quick;
    bool needsModel = false;
    bool hasNulls = true;  ///< computed on surrogates as well
};
std::vector<ChoosableStatistic> choosableStatistics();

/// Calls `visit(visitor, S)` on the options of the statistic called `name`; nothing for one without.
template <class Visitor>
void visitOptionsOf(const std::string& name, StatisticOptions& options, Visitor& visitor) {
    forEachStatistic([&]<class S>() {
        if (name == S::info.name) S::visitOptions(visitor, *options.get<S>());
    });
}

/// Whether it takes the model that made the trace: the lens, derivatives, untrained networks, the final norm,
/// or the texts of tokens.
bool needsModel(const AnalysisChoice& choice);

/// The request that runAnalysis takes. Names of model and trace, and a basis or autoencoder from elsewhere,
/// are left to the caller. Throws Error(InvalidArgument) that names a statistic or null which does not exist.
AnalysisRequest requestOf(const AnalysisChoice& choice);

/// The view of `trace` that is asked for, with rows as the file numbers them where all of them are of one
/// file. `norm` is needed for the scaling final_norm, `textOf` for conditions on tokens. Throws as
/// makeAnalysisView, parsePoints, parseSelection and parseUnitMask. Cost: as makeAnalysisView.
AnalysisView makeViewOf(const AnalysisChoice& choice, std::shared_ptr<const Trace> trace,
                        const std::optional<FinalNorm>& norm, const TokenText& textOf, Progress& progress);

/// The same view where every row of `trace` is of one other trace, in its order: of that trace.
TraceView seenThrough(TraceView view);

/// Something in a choice that cannot be computed.
struct ChoiceProblem {
    enum class Field { Statistic, Null, Scaled, Points, Rows, Units };
    Field field;
    std::string message;  ///< a sentence
};
/// What is wrong with a choice, empty if nothing is. Reads no state; linear in the rows.
std::vector<ChoiceProblem> problemsOf(const AnalysisChoice& choice, const std::shared_ptr<const Trace>& trace,
                                      bool hasModel, const TokenText& textOf);

/// What the computation of a choice costs (forecast.h). Reads no state. `known`: results that need not be
/// computed again. Throws as requestOf.
AnalysisCost costOf(const AnalysisChoice& choice, const std::shared_ptr<const Trace>& trace,
                    const TokenText& textOf, const Results& known, const Rates& rates);
/// The view of a choice without looking at its states: rows with the same states are counted, and no unit
/// stands out. What costOf takes.
TraceView roughViewOf(const AnalysisChoice& choice, const std::shared_ptr<const Trace>& trace,
                      const TokenText& textOf);

/// The words of `rheo analyze` behind its trace that ask for the same; no output. `modelWords` name the model
/// where it takes one. Defaults are left out.
std::vector<std::string> wordsOf(const AnalysisChoice& choice, const std::vector<std::string>& modelWords);

/// A choice as JSON, and back: what is missing, unknown or out of range keeps its default. Never throws.
std::string choiceToJson(const AnalysisChoice& choice);
AnalysisChoice choiceFromJson(const std::string& json);

/// A ready-made choice.
struct ChoicePreset {
    std::string_view name;   ///< "Quick look"
    std::string_view shows;  ///< what it asks for, a sentence
    AnalysisChoice (*make)(bool hasModel);
};
const std::vector<ChoicePreset>& choicePresets();

}  // namespace rheo
