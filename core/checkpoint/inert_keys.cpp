#include "core/checkpoint/inert_keys.h"

#include <fmt/format.h>

namespace rheo {

namespace {

/// Keys of the reference's base class and of its decoders: bookkeeping, training, generation settings, other
/// heads. Dropout is off outside training.
constexpr auto silent = {
    "architectures",
    "attention_dropout",
    "attn_implementation",
    "attn_pdrop",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token",
    "cache_implementation",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dropout",
    "early_stopping",
    "embd_pdrop",
    "embed_dropout",
    "encoder_no_repeat_ngram_size",
    "eos_token",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "gradient_checkpointing",
    "hidden_dropout",
    "hidden_dropout_prob",
    "id2label",
    "is_decoder",
    "is_llama_config",
    "label2id",
    "layerdrop",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_labels",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pretraining_tp",
    "prefix",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "resid_dropout",
    "resid_pdrop",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tf_legacy_loss",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torchscript",
    "transformers.js_config",
    "transformers_version",
    "typical_p",
    "unk_token_id",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
};

/// A key that some published configs carry beside those.
struct InertKey {
    const char* key;
    const char* value;       ///< the only JSON value that changes nothing; null: any
    const char* modelTypes;  ///< of which model types, with a space before and after each; null: all
};

constexpr InertKey inertKeys[] = {
    // Training, serving and bookkeeping.
    {"custom_pipelines", nullptr, nullptr},
    {"dual_chunk_attention_config", nullptr, nullptr},  // an approximation other servers use for long prompts
    {"freeze_mm_mlp_adapter", nullptr, nullptr},
    {"hub_model_id", nullptr, nullptr},
    {"ignore_index", nullptr, nullptr},
    {"license", nullptr, nullptr},
    {"loss_type", nullptr, nullptr},
    {"max_new_tokens", nullptr, nullptr},
    {"max_seq_len", nullptr, nullptr},
    {"max_sequence_length", nullptr, nullptr},
    {"model_max_length", nullptr, nullptr},
    {"num_mtp_layers", nullptr, nullptr},  // heads that predict further tokens; their tensors are left out
    {"num_nextn_predict_layers", nullptr, nullptr},
    {"output_past", nullptr, nullptr},  // an older name of use_cache
    {"output_router_logits", nullptr, nullptr},
    {"pad_token", nullptr, nullptr},
    {"router_aux_loss_coef", nullptr, nullptr},
    {"router_jitter_noise", nullptr, nullptr},  // noise of training
    {"seq_length", nullptr, nullptr},
    {"tie_last_hidden_states", nullptr, nullptr},  // whether the reference's last hidden state is normed
    {"tokenizer_model_max_length", nullptr, nullptr},
    {"tokenizer_padding_side", nullptr, nullptr},
    {"unk_token", nullptr, nullptr},
    {"use_flash_attention", nullptr, nullptr},
    {"use_flash_attn", nullptr, nullptr},
    {"use_fused_cross_entropy", nullptr, nullptr},
    {"use_fused_rms_norm", nullptr, nullptr},
    {"use_return_dict", nullptr, nullptr},
    {"use_xformers", nullptr, nullptr},
    // Inert at one value only.
    {"apply_residual_connection_post_layernorm", "false", nullptr},
    {"alibi", "false", nullptr},
    {"causal", "true", nullptr},
    {"is_causal", "true", nullptr},
    {"lm_head_bias", "false", nullptr},
    {"use_alibi", "false", nullptr},
    {"use_mrope", "false", nullptr},
    {"use_rope", "true", nullptr},
    {"use_rotary", "true", nullptr},
    {"mlp_bias", "false",
     " gemma gemma2 gemma3_text mistral mixtral olmo2 olmoe phi3 qwen2 qwen2_moe qwen3 qwen3_moe "},
    {"clip_qkv", "null", nullptr},
    // Of one family.
    {"apply_query_key_layer_scaling", nullptr, " gpt2 "},
    {"n_special", "0", " gpt2 "},
    {"normalize_attention_scores", nullptr, " gpt2 "},
    {"predict_special_tokens", nullptr, " gpt2 "},
    {"full_attn_mod", "1", " phi3 "},
    {"interpolate_factor", "1", " phi3 "},
    {"learned_embeddings", "true", " opt "},
    {"scale_embeddings", "false", " opt "},
};

bool concerns(const InertKey& row, std::string_view modelType) {
    return row.modelTypes == nullptr ||
           std::string_view(row.modelTypes).find(fmt::format(" {} ", modelType)) != std::string_view::npos;
}

}  // namespace

void readInertKeys(ConfigKeys& keys, std::string_view modelType) {
    for (const char* key : silent) keys.ignore(key);
    for (const InertKey& row : inertKeys) {
        if (!concerns(row, modelType)) continue;
        if (row.value == nullptr)
            keys.inert(row.key);
        else
            keys.inertAt(row.key, nlohmann::json::parse(row.value));
    }
}

}  // namespace rheo
