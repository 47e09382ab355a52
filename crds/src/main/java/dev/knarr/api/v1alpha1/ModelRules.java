// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Rules of {@code spec.model}. */
final class ModelRules {
  private static final int MAX_CONTEXT = 1 << 24;
  private static final Set<KvCacheType> PLAIN_TYPES =
      EnumSet.of(KvCacheType.F32, KvCacheType.F16, KvCacheType.BF16);

  /** A source and where it stands. */
  record SourceField(String field, ModelSource source) {}

  private ModelRules() {}

  static void check(@Nullable ModelSpec model, RuleChecks found) {
    if (!found.required("spec.model", model) || model == null) {
      return;
    }
    if (found.required("spec.model.name", model.getName())) {
      found.pattern("spec.model.name", model.getName(), Patterns.MODEL_NAME, Sentences.MODEL_NAME);
    }
    checkSource("spec.model.source", model.getSource(), found);
    checkStorage("spec.model.storage", model.getStorage(), found);
    found.range(
        "spec.model.contextLength",
        model.getContextLength(),
        0,
        MAX_CONTEXT,
        Sentences.CONTEXT_LENGTH);
    found.range(
        "spec.model.parallelSequences",
        model.getParallelSequences(),
        1,
        256,
        Sentences.PARALLEL_SEQUENCES);
    var cache = model.getKvCache();
    if (cache != null
        && cache.getValueType() != null
        && !PLAIN_TYPES.contains(cache.getValueType())
        && model.getFlashAttention() == FlashAttentionMode.DISABLED) {
      found.add("spec.model.kvCache.valueType", Sentences.QUANTISED_VALUES);
    }
    if (model.getDraft() != null) {
      checkSource("spec.model.draft.source", model.getDraft().getSource(), found);
    }
    if (model.getProjector() != null) {
      checkSource("spec.model.projector.source", model.getProjector().getSource(), found);
    }
  }

  /** All sources of a cluster that are there. */
  static List<SourceField> sources(InferenceCluster cluster) {
    var sources = new ArrayList<SourceField>();
    var model = cluster.getSpec() == null ? null : cluster.getSpec().getModel();
    if (model != null) {
      add(sources, "spec.model.source", model.getSource());
      if (model.getDraft() != null) {
        add(sources, "spec.model.draft.source", model.getDraft().getSource());
      }
      if (model.getProjector() != null) {
        add(sources, "spec.model.projector.source", model.getProjector().getSource());
      }
    }
    return sources;
  }

  private static void add(List<SourceField> sources, String field, @Nullable ModelSource source) {
    if (source != null) {
      sources.add(new SourceField(field, source));
    }
  }

  private static void checkSource(String field, @Nullable ModelSource source, RuleChecks found) {
    if (!found.required(field, source) || source == null) {
      return;
    }
    if (RuleChecks.count(
            source.getPath(),
            source.getClaim(),
            source.getHostPath(),
            source.getHttp(),
            source.getHuggingFace(),
            source.getImage())
        != 1) {
      found.add(field, Sentences.ONE_SOURCE);
    }
    if (source.getPath() != null) {
      found.required(field + ".path", source.getPath());
    }
    if (source.getClaim() != null) {
      found.required(field + ".claim.claimName", source.getClaim().getClaimName());
      found.relativePath(field + ".claim.path", source.getClaim().getPath());
    }
    found.absolutePath(field + ".hostPath.path", source.getHostPath());
    if (source.getHttp() != null) {
      checkHttp(field + ".http", source.getHttp(), found);
    }
    if (source.getHuggingFace() != null) {
      checkHuggingFace(field + ".huggingFace", source.getHuggingFace(), found);
    }
    if (source.getImage() != null) {
      found.required(field + ".image.reference", source.getImage().getReference());
      found.relativePath(field + ".image.path", source.getImage().getPath());
    }
  }

  private static void checkHttp(String field, HttpSource http, RuleChecks found) {
    if (found.required(field + ".url", http.getUrl())) {
      found.pattern(field + ".url", http.getUrl(), Patterns.URL, Sentences.URL);
    }
    found.pattern(field + ".sha256", http.getSha256(), Patterns.SHA256, Sentences.SHA256);
    var parts = http.getPartSha256();
    if (parts != null) {
      for (int i = 0; i < parts.size(); i++) {
        found.pattern(
            field + ".partSha256[" + i + "]", parts.get(i), Patterns.SHA256, Sentences.SHA256);
      }
      if (http.getSha256() != null) {
        found.add(field + ".partSha256", Sentences.ONE_SHA256);
      }
    }
    if (http.getHeadersSecretRef() != null) {
      found.required(field + ".headersSecretRef.name", http.getHeadersSecretRef().getName());
    }
  }

  private static void checkHuggingFace(String field, HuggingFaceSource source, RuleChecks found) {
    if (found.required(field + ".repo", source.getRepo())) {
      found.pattern(field + ".repo", source.getRepo(), Patterns.REPO, Sentences.REPO);
    }
    found.relativePath(field + ".file", source.getFile());
    if (source.getRevision() != null) {
      found.relativePath(field + ".revision", source.getRevision());
    }
    found.pattern(field + ".sha256", source.getSha256(), Patterns.SHA256, Sentences.SHA256);
    if (source.getEndpoint() != null && found.required(field + ".endpoint", source.getEndpoint())) {
      found.pattern(field + ".endpoint", source.getEndpoint(), Patterns.URL, Sentences.URL);
    }
    found.secret(field + ".tokenSecretRef", source.getTokenSecretRef());
  }

  private static void checkStorage(String field, @Nullable ModelStorage storage, RuleChecks found) {
    if (storage == null) {
      return;
    }
    if (RuleChecks.count(
            storage.getClaim(),
            storage.getClaimName(),
            storage.getHostPath(),
            storage.getEmptyDir())
        > 1) {
      found.add(field, Sentences.ONE_STORAGE);
    }
    if (storage.getClaim() != null) {
      if (storage.getClaim().getSize() == null) {
        found.add(field + ".claim.size", Sentences.CLAIM_SIZE);
      }
      found.positive(field + ".claim.size", storage.getClaim().getSize());
    }
    if (storage.getClaimName() != null) {
      found.required(field + ".claimName", storage.getClaimName());
    }
    found.absolutePath(field + ".hostPath.path", storage.getHostPath());
  }
}
