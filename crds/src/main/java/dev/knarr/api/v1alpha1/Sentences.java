// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

/**
 * What is said about a document that breaks a rule: one constant per rule, what is wrong and what
 * to do. They are compile-time constants so that the CRD's CEL rules can give the same words as the
 * reader of files.
 */
public final class Sentences {
  public static final String API_VERSION =
      "apiVersion must be knarr.dev/v1alpha1. Correct it, or use the knarr that reads this version.";
  public static final String KIND = "kind must be InferenceCluster. Correct it.";
  public static final String REQUIRED = "This field is required. Add it.";
  public static final String NAME =
      "The name must be a DNS label of at most 30 characters that begins with a letter. Use lower-case letters, digits and '-', such as quickstart.";
  public static final String REPLICAS =
      "replicas must be 0 or 1. Add workers for larger models, or make a second cluster for more answers.";
  public static final String ONE_SOURCE =
      "Exactly one source must be set. Keep one of path, claim, hostPath, http, huggingFace and image.";
  public static final String MODEL_NAME =
      "The model's name must have 1 to 63 letters, digits, '.', '_', ':', '/' or '-'. Shorten or rename it.";
  public static final String CONTEXT_LENGTH =
      "contextLength must be 0 to 16777216 tokens. Give the tokens of one sequence, or leave it out for the model's own.";
  public static final String PARALLEL_SEQUENCES =
      "parallelSequences must be 1 to 256. Give how many sequences are answered at the same time.";
  public static final String QUANTISED_VALUES =
      "A quantised valueType needs flash attention. Set flashAttention to Auto or Enabled, or valueType to f16.";
  public static final String RELATIVE_PATH =
      "The path must be relative and may not contain '..'. Name the file from the root of the volume or repository.";
  public static final String ABSOLUTE_PATH = "The path must be absolute. Begin it with '/'.";
  public static final String EMPTY_TEXT =
      "This field may not be empty. Give a value or leave it out.";
  public static final String URL =
      "The address must begin with http:// or https:// and a host, without a user, blanks and '#'. Correct it.";
  public static final String SHA256 =
      "A SHA-256 has 64 hexadecimal digits. Copy it again, without a prefix.";
  public static final String ONE_SHA256 =
      "sha256 and partSha256 exclude each other. Use sha256 for one file and partSha256 for parts.";
  public static final String REPO =
      "repo must be OWNER/NAME. Copy it from the address of the repository.";
  public static final String ONE_STORAGE =
      "At most one kind of storage may be set. Keep one of claim, claimName, hostPath and emptyDir.";
  public static final String CLAIM_SIZE =
      "A claim for a model needs a size. Add one, such as 400Gi.";
  public static final String CLAIM_FIXED =
      "accessModes and storageClassName of a claim cannot be changed. Put them back, or rename the group, or make a cluster of another name.";
  public static final String SIZE =
      "This is not a size. Write a number with a unit of Kubernetes, such as 16Gi, 512Mi or 10G.";
  public static final String SIZE_POSITIVE =
      "The size must be more than nothing. Give one such as 20Gi.";
  public static final String WORKER_GROUPS =
      "There must be 1 to 32 groups of workers. Add or merge groups.";
  public static final String GROUP_NAME =
      "A group's name must be a DNS label of at most 15 characters. Use lower-case letters, digits and '-'.";
  public static final String GROUP_RESERVED =
      "The names head and ca are taken by Knarr itself. Rename the group.";
  public static final String GROUP_UNIQUE =
      "Two groups of workers have the same name. Rename one of them.";
  public static final String GROUP_REPLICAS =
      "A group must have 0 to 64 workers. Change replicas, or make another group.";
  public static final String DEVICE_COUNT =
      "count must be 1 to 14 devices. llama-server can use 14 in all; change it.";
  public static final String ONE_DEVICE_REQUEST =
      "devices and resourceClaims exclude each other. Keep one of them.";
  public static final String ONE_CACHE =
      "At most one kind of tensor cache may be set. Keep one of emptyDir, claim and hostPath.";
  public static final String CACHE_KIND_FIXED =
      "The kind of a group's tensor cache cannot be changed. Put it back, or rename the group, which replaces its workers.";
  public static final String CACHE_SIZE_FIXED =
      "The size of a tensor cache on claims cannot be changed. Put it back, or rename the group, which replaces its workers.";
  public static final String SPLIT_COUNT =
      "llama-server can use at most 14 devices. Remove some from split.devices.";
  public static final String SPLIT_NAME =
      "This device is in no group of workers. Name it GROUP-INDEX/DEVICE with a group and an index below its replicas, or head/DEVICE.";
  public static final String SPLIT_UNIQUE =
      "This device is named twice in split.devices. Keep one of the two.";
  public static final String SPLIT_LAYERS =
      "layers must be 0 to 4096. Give how many layers the device takes.";
  public static final String SPLIT_ALL_OR_NONE =
      "split.devices gives layers for some devices only. Give them for all or for none.";
  public static final String SPLIT_TENSOR =
      "Layers per device have no meaning with mode Tensor. Remove layers, or set mode to Layer.";
  public static final String SPLIT_OUTPUT =
      "Mode Tensor cuts the output layer too, so it cannot be on the head. Remove output, or set mode to Layer.";
  public static final String HEAD_ARGUMENT =
      "This argument of llama-server is set by Knarr. Remove it and use the field of the spec: model, contextLength, parallelSequences, kvCache, flashAttention, split, head.service or head.apiKeySecretRef.";
  public static final String DRAIN_SECONDS =
      "drainSeconds must be 0 to 3600. Give the seconds running answers may take.";
  public static final String REPLAN_AFTER_SECONDS =
      "replanAfterSeconds must be 1 to 86400. Give the seconds to wait for a missing worker, or leave it out to wait for ever.";
  public static final String PORT = "A port must be 1 to 65535. Correct it.";
  public static final String TLS_SECRETS =
      "With tls mode Secret both headSecretName and workersSecretName must be set. Name the two Secrets.";
  public static final String TLS_UNUSED =
      "Secrets are named but tls mode is not Secret. Set mode to Secret, or remove the names.";
  public static final String LOCAL_SOURCE =
      "Local mode cannot serve this source. Use path, http or huggingFace.";
  public static final String KUBERNETES_PATH =
      "A path of this machine cannot be served on Kubernetes. Use claim, hostPath, http, huggingFace or image.";

  private Sentences() {}
}
