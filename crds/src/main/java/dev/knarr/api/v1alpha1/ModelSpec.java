// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** The model, where it comes from, and the context it is run with. */
@JsonInclude(JsonInclude.Include.NON_NULL)
@ValidationRule(
    value = "self.kvCache.valueType in ['f32', 'f16', 'bf16'] || self.flashAttention != 'Disabled'",
    message = Sentences.QUANTISED_VALUES,
    fieldPath = ".kvCache.valueType")
public class ModelSpec {
  /**
   * The name clients ask for in requests. Required, 1 to 63 characters. A change restarts the head.
   */
  @Required
  @Size(max = 253)
  @ValidationRule(
      value = Cel.MATCHES + Patterns.MODEL_NAME + Cel.END,
      message = Sentences.MODEL_NAME)
  private @Nullable String name;

  /**
   * Where the GGUF file is. Required, exactly one kind. For a model in several parts name the first
   * (NAME-00001-of-0000N.gguf); the others are found beside it. A change restarts the head.
   */
  @Required private @Nullable ModelSource source;

  /**
   * Where a model fetched by http or huggingFace is kept. Default: an emptyDir, so that it is
   * fetched again when the head moves. Local mode has one cache folder and leaves this aside.
   */
  private @Nullable ModelStorage storage;

  /**
   * Tokens one sequence may have, prompt and answer together. Default 0: what the model was trained
   * for. More takes more memory for the cache, in steps of 256; a change restarts the head.
   */
  @Default("0")
  @ValidationRule(value = "self >= 0 && self <= 16777216", message = Sentences.CONTEXT_LENGTH)
  private @Nullable Integer contextLength;

  /**
   * Sequences answered at the same time, 1 to 256; each has a cache of contextLength tokens.
   * Default 1. A change restarts the head.
   */
  @Default("1")
  @ValidationRule(value = "self >= 1 && self <= 256", message = Sentences.PARALLEL_SEQUENCES)
  private @Nullable Integer parallelSequences;

  /** Types of the cache. Default f16 for both. */
  @Default("{}")
  private @Nullable KvCacheSpec kvCache;

  /**
   * Whether attention uses the fused kernel: Auto, Enabled or Disabled. Default Auto: on where the
   * devices can. Disabled takes much more memory for long contexts.
   */
  @Default("Auto")
  private @Nullable FlashAttentionMode flashAttention;

  /**
   * A small model of the same vocabulary that proposes tokens (speculative decoding). Default:
   * none.
   */
  private @Nullable AuxiliaryModelSpec draft;

  /** The projector (mmproj) of a model that reads images or sound. Default: none. */
  private @Nullable AuxiliaryModelSpec projector;

  public @Nullable String getName() {
    return name;
  }

  public void setName(@Nullable String name) {
    this.name = name;
  }

  public @Nullable ModelSource getSource() {
    return source;
  }

  public void setSource(@Nullable ModelSource source) {
    this.source = source;
  }

  public @Nullable ModelStorage getStorage() {
    return storage;
  }

  public void setStorage(@Nullable ModelStorage storage) {
    this.storage = storage;
  }

  public @Nullable Integer getContextLength() {
    return contextLength;
  }

  public void setContextLength(@Nullable Integer contextLength) {
    this.contextLength = contextLength;
  }

  public @Nullable Integer getParallelSequences() {
    return parallelSequences;
  }

  public void setParallelSequences(@Nullable Integer parallelSequences) {
    this.parallelSequences = parallelSequences;
  }

  public @Nullable KvCacheSpec getKvCache() {
    return kvCache;
  }

  public void setKvCache(@Nullable KvCacheSpec kvCache) {
    this.kvCache = kvCache;
  }

  public @Nullable FlashAttentionMode getFlashAttention() {
    return flashAttention;
  }

  public void setFlashAttention(@Nullable FlashAttentionMode flashAttention) {
    this.flashAttention = flashAttention;
  }

  public @Nullable AuxiliaryModelSpec getDraft() {
    return draft;
  }

  public void setDraft(@Nullable AuxiliaryModelSpec draft) {
    this.draft = draft;
  }

  public @Nullable AuxiliaryModelSpec getProjector() {
    return projector;
  }

  public void setProjector(@Nullable AuxiliaryModelSpec projector) {
    this.projector = projector;
  }
}
