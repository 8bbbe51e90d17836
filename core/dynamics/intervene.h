#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/array.h"
#include "core/base/progress.h"
#include "core/dynamics/intervention.h"
#include "core/model/model.h"

namespace rheo {

/// The root mean square, over the tokens of a prompt, of the norm of its natural states at `point`. The first
/// token is left out where there are others: many models write a few units thousands of times as large as any
/// other there (massive activations, arXiv:2402.17762), and a strength in units of it would mean nothing.
double rmsNormAt(const Model& model, const PromptContext& context, PointIndex point);

/// The edits of `intervention` that are on, as the forward pass applies them to `context` followed by
/// `generated` tokens, strengths in absolute units. Throws Error(InvalidArgument, NotFound, Mismatch) naming
/// the edit: an operation or point that is not there, a token beyond the sequence, a vector that does not
/// fit, unit rms where the operation has none.
std::vector<StateEdit> resolveEdits(const Model& model, const PromptContext& context,
                                    const Intervention& intervention, int generated);

struct InterveneRequest {
    std::vector<std::int32_t> ids;  ///< of the prompt
    Intervention intervention;
    int generate = 0;  ///< tokens that both texts are continued by
    Sampling sampling = {};
    /// Told each generated token as it is chosen, of the natural text first, on the caller's thread.
    std::function<void(bool intervened, std::int32_t id)> onToken = {};
};

/// A prompt and what follows it, without and with an intervention. P points.
struct InterveneResult {
    std::vector<StateEdit> edits;                         ///< as they were applied
    std::vector<std::int32_t> naturalIds, intervenedIds;  ///< [generate], behind the prompt
    Array3F natural, intervened;              ///< [token, P, unit], of prompt and generated tokens
    VectorF logitsNatural, logitsIntervened;  ///< [vocabulary] of the prompt's last token
    double kl = 0;  ///< KL(natural || intervened) of the token after the prompt, nats
    /// [generate] -ln p of each generated token in a run without edits, nats: how natural the texts are.
    std::vector<double> naturalSurprise, intervenedSurprise;
};

/// Runs a prompt naturally and with an intervention; both sequences are generated alike (the same seed), then
/// run once as a whole for their states. Edits at strength 0 (1 for `scale`) give the natural sequence bit
/// for bit. Cost: 2 * generate + 6 forward passes.
InterveneResult intervene(const Model& model, const InterveneRequest& request, Progress& progress);

/// What an intervention makes of a text at one strength.
struct SweepStep {
    double factor = 0;              ///< that the strength of every edit is multiplied by
    double probability = 0;         ///< of the chosen token after the prompt, 0 to 1; NaN if none was chosen
    double entropy = 0;             ///< of the token after the prompt, nats
    double perplexity = 0;          ///< of the generated tokens under the natural model; NaN without any
    std::vector<std::int32_t> ids;  ///< generated
};

/// Where a text breaks: the request at each strength. `token`: whose probability is followed; -1: none. The
/// perplexity is exp of the mean of -ln p(token | all before it) of the generated tokens in a run without
/// edits. Throws as intervene, and Error(InvalidArgument) for a factor that is not finite. Cost a factor:
/// generate + 2 forward passes.
std::vector<SweepStep> sweepStrengths(const Model& model, const InterveneRequest& request,
                                      const std::vector<double>& factors, std::int32_t token,
                                      Progress& progress);

/// A prepared prompt with an intervention, from its first edited token and point on: for a handle that is
/// dragged.
struct IntervenedPath {
    PointIndex point{0};                      ///< the first edited one, or 0 where no edit applies
    int token = 0;                            ///< likewise; the last token where no edit applies
    Array3F natural, intervened;              ///< [token from `token` on, point from `point` on, unit]
    VectorF logitsNatural, logitsIntervened;  ///< [vocabulary] of the last token
    double kl = 0;                            ///< nats
};

/// Both paths by calls of the same shape: edits that change nothing give the natural path bit for bit. Keys
/// and values of earlier tokens are reused. Throws as resolveEdits. Cost: two continuations of one sequence.
IntervenedPath intervenedPath(const Model& model, const PromptContext& context,
                              const Intervention& intervention, Progress& progress);

}  // namespace rheo
