// SPDX-License-Identifier: Apache-2.0
/**
 * What head and fetcher are told, and what they say. Records over JSON and nothing else, so that
 * whoever starts or asks a head needs none of its code. Entries: {@link
 * dev.knarr.head.api.HeadConfig}, {@link dev.knarr.head.api.HeadStatus}, {@link
 * dev.knarr.head.api.FetchConfig} and {@link dev.knarr.head.api.FetchStatus}.
 */
@NullMarked
package dev.knarr.head.api;

import org.jspecify.annotations.NullMarked;
