#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/output_file.h"
#include "core/base/progress.h"

namespace rheo {

/// What to do with a last point whose states went through the model's final norm.
enum class LastIsNormed {
    Drop,  ///< leave it out
    Mark,  ///< keep it, as a point without a name
    No,    ///< it did not
};

struct ImportOptions {
    std::string dataset = {};  ///< the one array to take; empty: chosen by the rest
    std::string tensors = {};  ///< a shell pattern that names match; empty: all
    std::string layout = {};   ///< axes of an array, "batch,row,unit"; empty: as its name tells
    std::string sites = {};    ///< "attn_in,mlp_in", "block_in", or a JSON file; empty: as names tell
    /// Absent: dropped where the array is an output_hidden_states stack, else not.
    std::optional<LastIsNormed> lastIsNormed = {};
    /// The type of two-byte elements that the file calls integers or does not name: "bfloat16" or "float16".
    std::string dtypeOf = {};
    /// Where the attention mask or the lengths are: a file, FILE:NAME, or a name in the input; "none": take
    /// no notice of any. Empty: by their names, beside the states.
    std::string mask = {};
    bool transformerLensUnprocessed = false;  ///< the model was loaded without folding and centring
    IfExists ifExists = IfExists::Refuse;
};

/// Values of one point that are NaN or infinite.
struct NotFiniteAt {
    std::string point;
    std::int64_t nans = 0, infinities = 0;
    std::int64_t rows = 0;  ///< rows with such a value
};

struct ImportOutcome {
    std::int64_t rows = 0, points = 0, units = 0, samples = 0;
    std::int64_t notFinite = 0;                      ///< values that are NaN or infinite
    std::vector<NotFiniteAt> notFiniteByPoint = {};  ///< in order of depth; points without any left out
    std::int64_t distinctRows = 0;                   ///< rows with different states
    std::vector<std::string> notes = {};             ///< how the input was read
    std::vector<std::string> warnings = {};          ///< what must be known to use it rightly
};

/// Makes a trace file of arrays that other programs saved: .npy, .npz, safetensors or HDF5, told apart by
/// their contents; float16, bfloat16, float32 or float64, either byte order, row- or column-major. An array
/// is all points in one (`point` among its axes) or one point of several arrays, which are put in order by
/// the numbers in their names.
///
/// Axes are given by `layout`, or known from names: TransformerLens caches are batch,row,unit (row,unit
/// without a batch), output_hidden_states stacks point,row,unit; anything else is refused, asking for a
/// layout. Batch times row become rows: batch is the sample, row the position. Without batch each row is a
/// sample of its own, except under those names, whose rows are the tokens of one.
///
/// Samples with arrays of their own ("sample_0", "prompt_3/layer_12") may have their own lengths. An
/// attention_mask or lengths beside the states (or where `mask` says) leave out padded tokens and give
/// positions; input_ids or token_ids of the same shape become token ids.
///
/// What can be checked is checked, with numbers, and said in `warnings`: missing points, states that should
/// be the same and are not, an axis order or last point that does not look as it is read, values that are not
/// finite, repeated rows. Notes and warnings are stored in the trace's `origin`.
///
/// The output appears whole or not at all. Input and output are worked through in pieces of 64 MiB; what is
/// compressed in a .npz is unpacked to a nameless file beside the output first. An input of bfloat16
/// throughout is stored as bfloat16, others as float32. Arrays of other types are left out by name. Throws
/// Error(NotFound, Io, Format, Unsupported, Mismatch, InvalidArgument, AlreadyExists, DiskFull).
ImportOutcome importTrace(const std::filesystem::path& input, const std::filesystem::path& output,
                          const ImportOptions& options, Progress& progress);

}  // namespace rheo
