// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import java.util.Arrays;
import java.util.Optional;

/**
 * Why a condition is what it is. One list for all conditions, for the head's own reasons and for
 * events; each has an entry of the same name in the troubleshooting guide.
 */
public enum ConditionReason {
  /** Everything is as the spec asks. */
  AS_PLANNED("AsPlanned"),
  /** The spec asks for no replicas, so nothing runs. */
  STOPPED("Stopped"),
  /** What comes before in the order of things is not done yet. */
  WAITING("Waiting"),

  /** The model is being fetched. */
  MODEL_FETCHING("ModelFetching"),
  /** The files of the model are being checked. */
  MODEL_VERIFYING("ModelVerifying"),
  /** The model's file is not where the source says. */
  MODEL_NOT_FOUND("ModelNotFound"),
  /** The server refuses to give the model to whom it does not know. */
  MODEL_ACCESS_DENIED("ModelAccessDenied"),
  /** A fetched file has another checksum than the one expected. */
  MODEL_CHECKSUM_MISMATCH("ModelChecksumMismatch"),
  /** The storage is too small for the model. */
  MODEL_NO_SPACE("ModelNoSpace"),
  /** The server that has the model cannot be reached. */
  MODEL_SERVER_UNREACHABLE("ModelServerUnreachable"),
  /** The model file cannot be read or is not a model. */
  MODEL_UNREADABLE("ModelUnreadable"),
  /** The cluster's API server drops image volumes. */
  IMAGE_VOLUMES_UNSUPPORTED("ImageVolumesUnsupported"),
  /** A claim is not bound, or not there. */
  CLAIM_PENDING("ClaimPending"),
  /** The devices that answered have not enough memory for the model. */
  MODEL_DOES_NOT_FIT("ModelDoesNotFit"),

  /** Workers have not answered yet. */
  WORKERS_STARTING("WorkersStarting"),
  /** A worker does not answer. */
  WORKER_UNREACHABLE("WorkerUnreachable"),
  /** A worker answers, but not as one that can be used. */
  WORKER_UNSUITABLE("WorkerUnsuitable"),
  /** A worker that was in use closed its connection or vanished. */
  WORKER_LOST("WorkerLost"),
  /** The endpoint answers without a worker that stayed away. */
  REDUCED_PLAN("ReducedPlan"),
  /** The workers offer more devices than llama-server can use. */
  TOO_MANY_DEVICES("TooManyDevices"),
  /** The spec names a device that its worker does not have. */
  UNKNOWN_DEVICE("UnknownDevice"),
  /** The worker cannot write to its tensor cache. */
  CACHE_NOT_WRITABLE("CacheNotWritable"),

  /** The head has not said anything yet. */
  HEAD_STARTING("HeadStarting"),
  /** The head proves workers and llama-server. */
  HEAD_PROVING("HeadProving"),
  /** llama-server brings the weights to the workers. */
  MODEL_LOADING("ModelLoading"),
  /** The head cannot be reached, or another answers at its address. */
  HEAD_UNREACHABLE("HeadUnreachable"),
  /** The head's configuration cannot be used. */
  CONFIG_INVALID("ConfigInvalid"),
  /** An argument for llama-server contradicts what the plan sets. */
  ARGUMENT_REFUSED("ArgumentRefused"),
  /** The llama-server of the image has no RPC, or another version of it. */
  HEAD_IMAGE_UNSUITABLE("HeadImageUnsuitable"),
  /** The port of the endpoint is in use. */
  ENDPOINT_TAKEN("EndpointTaken"),
  /** llama-server ended by itself. */
  LLAMA_SERVER_ENDED("LlamaServerEnded"),
  /** llama-server is running, but has stopped making progress. */
  LLAMA_SERVER_STALLED("LlamaServerStalled"),
  /** The head was asked to stop. */
  STOP_REQUESTED("StopRequested"),

  /** The pods get what a changed spec asks for. */
  ROLLING_OUT("RollingOut"),
  /** Running answers are finished before pods end. */
  DRAINING("Draining"),

  /** An image cannot be pulled. */
  IMAGE_PULL_FAILED("ImagePullFailed"),
  /** No node has what a pod asks for. */
  UNSCHEDULABLE("Unschedulable"),
  /** A pod is held back by a scheduling gate, as queues set them. */
  QUEUED("Queued"),
  /** Quota or pod security refuses the pods. */
  PODS_REFUSED("PodsRefused"),
  /** A container ends again and again. */
  CONTAINER_CRASHES("ContainerCrashes"),
  /** A container used more memory than it may. */
  OUT_OF_MEMORY("OutOfMemory"),
  /** A volume or Secret that a pod mounts is not there. */
  MOUNT_FAILED("MountFailed"),
  /** The node of a pod does not answer any more. */
  NODE_LOST("NodeLost"),

  /** An object of a name that is needed belongs to somebody else. */
  NAME_TAKEN("NameTaken"),
  /** The spec breaks a rule that an older definition did not check. */
  SPEC_INVALID("SpecInvalid"),
  /** The Kubernetes API refuses what the operator asks for. */
  API_REFUSED("ApiRefused"),
  /** Something Knarr did not expect: a fault of Knarr. */
  INTERNAL_ERROR("InternalError");

  private final String value;

  ConditionReason(String value) {
    this.value = value;
  }

  /** The reason as it stands in the status, such as {@code ModelDoesNotFit}. */
  public String value() {
    return value;
  }

  /** The reason of this text, when there is one. */
  public static Optional<ConditionReason> of(String text) {
    return Arrays.stream(values()).filter(reason -> reason.value.equals(text)).findFirst();
  }
}
