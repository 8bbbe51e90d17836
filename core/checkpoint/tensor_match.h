#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "core/checkpoint/model_config.h"
#include "core/checkpoint/safetensors.h"

namespace rheo {

/// Which stored tensor is which parameter of a model.
struct TensorMatch {
    std::map<std::string, const StoredTensor*, std::less<>> parameters;  ///< by the name TensorNames gives
    std::deque<StoredTensor> scaled;  ///< those of them that have scales: matrices of 8-bit floats
    bool tied = false;                ///< whether the unembedding is the embedding, as the files have it
    std::vector<std::string> notes;
};

/// Finds the parameters of `config` among the tensors of a model's files, whatever stands before their names:
/// the files of a bare decoder have less than the architecture's prefix, those of a wrapped or wrapping model
/// more
/// ("base_model.model.", "module.", "_orig_mod.", "language_model."). Which of several decoders is meant is
/// decided by the number of parameters found.
///
/// Ties as transformers 5 does: a stored unembedding that differs from the embedding is used, whatever the
/// config says; without one the model is tied. Where only the unembedding is stored and the config ties, it
/// is the embedding too. A tied model that stores both has them compared, which reads both.
///
/// Tensors outside of the decoder (heads of other tasks, vision towers, buffers) are left out with a note.
/// Matrices of 8-bit floats are matched with their scales, where the config says that there are any.
/// Throws Error(Mismatch) naming the tensors that are missing, of another shape than the config says, or
/// inside the decoder and not accounted for; Error(Unsupported) for parameters that are no floats.
/// `where`: the folder or file, for messages.
TensorMatch matchTensors(const ModelConfig& config, const std::vector<const StoredTensor*>& tensors,
                         const std::string& where);

}  // namespace rheo
