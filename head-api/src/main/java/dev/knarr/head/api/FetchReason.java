// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import com.fasterxml.jackson.annotation.JsonValue;

/** Why a fetch is as it is. The same words are the reasons of a cluster's conditions. */
public enum FetchReason {
  /** Everything is here. */
  AS_PLANNED("AsPlanned"),
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
  /** The server that has the model cannot be reached, or does not do what it should. */
  MODEL_SERVER_UNREACHABLE("ModelServerUnreachable"),
  /** The model file cannot be read or is not a model. */
  MODEL_UNREADABLE("ModelUnreadable"),
  /** The storage cannot be written, or the configuration cannot be used. */
  CONFIG_INVALID("ConfigInvalid"),
  /** Something the fetch did not expect: a fault of Knarr. */
  INTERNAL_ERROR("InternalError");

  private final String text;

  FetchReason(String text) {
    this.text = text;
  }

  /** Returns the name used in JSON and conditions, such as {@code ModelNotFound}. */
  @JsonValue
  public String text() {
    return text;
  }
}
